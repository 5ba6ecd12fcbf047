import type { z } from "zod";
import type { Problem } from "../contract/problem.ts";
import {
  LOG_COMPLETE_HEADER,
  LOG_NEXT_HEADER,
  LOG_SIZE_HEADER,
  RUN_ATTEMPT_HEADER,
  routePaths,
} from "../contract/route-paths.ts";
import type { RouteName, routes } from "../contract/routes.ts";
import type { RunView } from "../contract/run.ts";
import { refusedBy, unexpectedAnswer, unreachable } from "./client-error.ts";
import type { Fetch, FetchResponse } from "./transport.ts";

type Routes = typeof routes;
/** The routes whose answer is JSON; of the others, those that this client uses have methods of their own. */
export type CallName = Exclude<RouteName, "submitRun" | "readLog" | "followLog">;

type Part<N extends CallName, K extends string> = Routes[N] extends Record<K, infer S extends z.ZodType> ? S : never;

/** What a call takes: the route's path parameters, its query and its JSON body, as the route table types them. */
export type CallInput<N extends CallName> = ([Part<N, "params">] extends [never]
  ? unknown
  : { readonly params: z.output<Part<N, "params">> }) &
  ([Part<N, "query">] extends [never] ? unknown : { readonly query?: Optional<z.output<Part<N, "query">>> }) &
  ([Part<N, "json">] extends [never] ? unknown : { readonly json?: z.input<Part<N, "json">> }) & {
    readonly signal?: AbortSignal;
  };

type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined };
type Success = 200 | 201 | 202 | 204;

/** The JSON of a successful answer; undefined for an answer without a body. */
export type CallAnswer<N extends CallName> = {
  [S in keyof Routes[N]["answers"] & Success]: Routes[N]["answers"][S] extends z.ZodType
    ? z.output<Routes[N]["answers"][S]>
    : undefined;
}[keyof Routes[N]["answers"] & Success];

export interface Submission {
  /** YAML or JSON, as text or as the bytes of a file. */
  readonly manifest: string | Uint8Array<ArrayBuffer>;
  readonly modelDefinition: Blob;
  /** The same key with the same content gives the run of the first time, so a lost connection may be repeated. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

export interface LogRequest {
  readonly offset: number;
  readonly limit?: number | undefined;
  /** How long the server may wait for a byte to send, or for the end of the log. */
  readonly waitSeconds?: number | undefined;
  readonly learner?: number | undefined;
  /** From 1; the run's present one when left out. */
  readonly attempt?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LogPart {
  readonly bytes: Uint8Array;
  /** The offset behind the bytes; further than they are long where the middle of the log was dropped. */
  readonly next: number;
  /** The log's size when the server answered. */
  readonly sizeBytes: number;
  /** No byte will follow `sizeBytes`. */
  readonly isComplete: boolean;
  /** The attempt that the run was at when the server answered. */
  readonly presentAttempt: number;
}

export interface ClientOptions {
  readonly url: string;
  readonly token: string;
  readonly fetch?: Fetch;
}

/** Every method may be called at the same time as any other; all reject with `ClientError`, or the signal's reason. */
export interface Client {
  readonly url: string;
  call<N extends CallName>(name: N, input: CallInput<N>): Promise<CallAnswer<N>>;
  submit(submission: Submission): Promise<RunView>;
  readLog(id: string, request: LogRequest): Promise<LogPart>;
}

export function createClient(options: ClientOptions): Client {
  const url = options.url.replace(/\/+$/, "");
  const fetch: Fetch = options.fetch ?? globalThis.fetch;

  async function send(request: {
    readonly method: string;
    readonly path: string;
    readonly headers?: Record<string, string>;
    readonly body?: string | FormData | undefined;
    readonly signal?: AbortSignal | undefined;
  }): Promise<FetchResponse> {
    const headers = { authorization: `Bearer ${options.token}`, ...request.headers };
    const response = await reach(url, request.signal, () =>
      fetch(`${url}${request.path}`, {
        method: request.method,
        headers,
        ...(request.body === undefined ? {} : { body: request.body }),
        ...(request.signal === undefined ? {} : { signal: request.signal }),
      }),
    );
    if (response.status >= 200 && response.status < 300) return response;
    throw await refusal(url, request, response);
  }

  return {
    url,

    async call(name, input) {
      const route = routePaths[name];
      const { params, query, json, signal } = input as LooseInput;
      const response = await send({
        method: route.method,
        path: pathOf(route.path, params ?? {}) + queryOf(query ?? {}),
        ...(json === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(json) }),
        signal,
      });
      const text = await reach(url, signal, () => response.text());
      return (response.status === 204 ? undefined : parseAnswer(url, text)) as CallAnswer<typeof name>;
    },

    async submit({ manifest, modelDefinition, idempotencyKey, signal }) {
      const { method, path } = routePaths.submitRun;
      const form = new FormData();
      // Small before large: the server can refuse a bad manifest before the ZIP has arrived.
      form.set("manifest", new Blob([manifest], { type: "application/yaml" }), "manifest.yml");
      form.set("model_definition", modelDefinition, "model.zip");
      const headers = idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey };
      const response = await send({ method, path, headers, body: form, signal });
      return parseAnswer(url, await reach(url, signal, () => response.text())) as RunView;
    },

    async readLog(id, { signal, ...query }) {
      const { method, path } = routePaths.readLog;
      const response = await send({ method, path: pathOf(path, { id }) + queryOf(query), signal });
      const bytes = new Uint8Array(await reach(url, signal, () => response.arrayBuffer()));
      const sizeBytes = Number(response.headers.get(LOG_SIZE_HEADER) ?? Number.NaN);
      if (Number.isNaN(sizeBytes)) throw unexpectedAnswer(url, `the log came without '${LOG_SIZE_HEADER}'`);
      const isComplete = response.headers.get(LOG_COMPLETE_HEADER) === "true";
      const presentAttempt = Number(response.headers.get(RUN_ATTEMPT_HEADER) ?? 1);
      const next = Number(response.headers.get(LOG_NEXT_HEADER) ?? query.offset + bytes.length);
      return { bytes, next, sizeBytes, isComplete, presentAttempt };
    },
  };
}

interface LooseInput {
  readonly params?: Record<string, string>;
  readonly query?: Record<string, unknown>;
  readonly json?: unknown;
  readonly signal?: AbortSignal;
}

/** Runs one step that touches the network. An abort stays the signal's own reason; everything else is `unreachable`. */
async function reach<T>(url: string, signal: AbortSignal | undefined, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    signal?.throwIfAborted();
    throw unreachable(url, error);
  }
}

async function refusal(url: string, request: { method: string; path: string }, response: FetchResponse) {
  const text = await response.text().catch(() => "");
  const problem = problemIn(text);
  if (problem !== undefined) return refusedBy(problem);
  return unexpectedAnswer(url, `${request.method} ${request.path} gave status ${response.status}`);
}

function problemIn(text: string): Problem | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isProblem = typeof value === "object" && value !== null && "kind" in value && "detail" in value;
    return isProblem ? (value as Problem) : undefined;
  } catch {
    // Not JSON: the page of a proxy or of some other service.
    return undefined;
  }
}

function parseAnswer(url: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unexpectedAnswer(url, `the answer is not JSON but begins with '${text.slice(0, 40).trim()}'`);
  }
}

function pathOf(path: string, params: Record<string, string>): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
}

function queryOf(query: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(query)
    // A list is its key repeated: any of its values may have a comma in it.
    .flatMap(([key, value]) =>
      Array.isArray(value) ? value.map((one: unknown) => [key, one] as const) : [[key, value] as const],
    )
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`);
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}
