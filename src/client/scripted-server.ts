import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { LOG_COMPLETE_HEADER, LOG_SIZE_HEADER, routePaths } from "../contract/route-paths.ts";
import type { EventList, ResultList, RunView } from "../contract/run.ts";
import type { EnvironmentView } from "../contract/environment.ts";
import type { ChartView, MetricView } from "../contract/metrics.ts";
import type { Problem } from "../contract/problem.ts";
import type { RetentionView } from "../contract/retention.ts";

/**
 * A server for the tests of client and command lines: it speaks the contract over real HTTP on loopback, about runs
 * that the test puts there, and can be told to misbehave. It runs nothing.
 */
export class ScriptedServer implements AsyncDisposable {
  readonly token = "scripted-token";
  readonly runs: RunView[] = [];
  readonly logs = new Map<string, { bytes: Buffer; isComplete: boolean }>();
  readonly events = new Map<string, EventList["events"]>();
  readonly results = new Map<string, ResultList>();
  /** Of every run. */
  readonly metrics: MetricView[] = [];
  chart: ChartView = { grid: null, series: [], truncated: false };
  readonly environments: EnvironmentView[] = [];
  /** How often a build is told to go on before it is ready. */
  buildRounds = 0;
  readonly frameworks: { name: string; version: string }[] = [];
  readonly submissions: { manifest: string; zip: Buffer; key: string | null }[] = [];
  readonly requests: string[] = [];
  /** Taken from the front, one for each request: cut the connection, before the answer or in the middle of a log. */
  readonly faults: ("cut" | "cut-body" | "cut-after-work" | Problem)[] = [];
  /** Until when a deletion can be taken back; null where it is for good. */
  undoUntil: string | null = null;
  retention: RetentionView | undefined;
  /** What a new submission becomes. */
  nextRun: RunView | undefined;
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  /** What was sent to store results again. */
  readonly resultRetries: { manifest?: string }[] = [];
  readonly #keys = new Map<string, RunView>();
  #port = 0;
  #changed = Promise.withResolvers<void>();

  static async start(): Promise<ScriptedServer> {
    const server = new ScriptedServer();
    await server.listen();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Stops listening and breaks every connection; the port stays ours to `listen` on again. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  /** Comes back somewhere else. */
  async move(): Promise<void> {
    await this.close();
    this.#port = 0;
    await this.listen();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.close();
  }

  /** Changes a run or a log and wakes those who wait for it. */
  change(id: string, fields: Partial<RunView>): void {
    const index = this.runs.findIndex((run) => run.id === id);
    const run = this.runs[index] as RunView;
    this.runs[index] = { ...run, ...fields, version: run.version + 1 };
    this.#wake();
  }

  appendLog(id: string, text: string | Uint8Array, isComplete = false): void {
    const before = this.logs.get(id)?.bytes ?? Buffer.alloc(0);
    this.logs.set(id, { bytes: Buffer.concat([before, Buffer.from(text)]), isComplete });
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests.push(`${request.method} ${request.url}`);
    const fault = this.faults.shift();
    if (fault === "cut") return void request.socket.destroy();
    if (typeof fault === "object") return sendJson(response, fault.status, fault);
    const answer = await this.#route(request);
    if (fault === "cut-after-work") return void request.socket.destroy();
    if (answer.bytes === undefined) {
      if (fault === "cut-body") this.faults.unshift(fault);
      return sendJson(response, answer.status, answer.json);
    }
    response.writeHead(200, { ...answer.headers, "content-length": answer.bytes.length });
    if (fault !== "cut-body") return void response.end(answer.bytes);
    response.write(answer.bytes.subarray(0, answer.bytes.length / 2), () => request.socket.destroy());
  }

  async #route(request: IncomingMessage): Promise<Answer> {
    const url = new URL(request.url ?? "/", this.url);
    if (url.pathname === routePaths.health.path) return { status: 200, json: { status: "ok", version: "0" } };
    if (request.headers.authorization !== `Bearer ${this.token}`)
      return problem(401, "unauthenticated", "not_authenticated");
    if (url.pathname === routePaths.listFrameworks.path) return { status: 200, json: { frameworks: this.frameworks } };
    if (url.pathname === routePaths.planRetention.path) return { status: 200, json: this.retention };
    if (url.pathname === routePaths.drawChart.path) return { status: 200, json: this.chart };
    if (url.pathname === routePaths.showCache.path) return this.#cache(request);
    if (url.pathname.startsWith(routePaths.listEnvironments.path)) return await this.#environments(request, url);
    const [, id, what] = /^\/api\/v1\/runs(?:\/([^/]+)(?:\/(\w+)(?:\/retry)?)?)?$/.exec(url.pathname) ?? [];
    if (id === undefined) return request.method === "POST" ? await this.#submit(request) : this.#list(url);
    if (!this.runs.some((run) => run.id === id)) {
      return problem(404, "not_found", "run_not_found", `No run has the id '${id}'.`);
    }
    if (request.method === "DELETE") return this.#delete(id, url.searchParams.get("now") === "true");
    if (what === "restore") return this.#restore(id);
    if (what === "stop") return await this.#stop(id, request);
    if (what === "log") return await this.#log(id, url);
    if (what === "metrics") return { status: 200, json: { run: id, isComplete: true, metrics: this.metrics } };
    if (what === "events") return { status: 200, json: { events: this.events.get(id) ?? [] } };
    if (url.pathname.endsWith("/results/retry")) {
      const body = (await bodyOf(request)).toString();
      this.resultRetries.push(body === "" ? {} : (JSON.parse(body) as { manifest?: string }));
      return { status: 202, json: this.#run(id) };
    }
    if (what === "results") return { status: 200, json: this.results.get(id) };
    return await this.#show(id, url);
  }

  #cache(request: IncomingMessage): Answer {
    if (request.method === "DELETE") return { status: 200, json: { freedBytes: 40_960 } };
    const [hits, misses] = [
      { objects: 3, sizeBytes: 3000 },
      { objects: 1, sizeBytes: 1000 },
    ];
    const view = { name: "a copy", refused: ["An overlay cannot be mounted: denied"] };
    return { status: 200, json: { objects: 4, sizeBytes: 16_384, maxBytes: 1_000_000, inUse: 1, hits, misses, view } };
  }

  async #environments(request: IncomingMessage, url: URL): Promise<Answer> {
    await bodyOf(request);
    const [first = null] = this.environments;
    if (request.method === "GET") {
      const buildable = [{ framework: "tensorflow", requirements: ["tensorflow{version}"] }];
      const json = { environments: this.environments, building: [], installer: "uv 0.13.9 (/usr/bin/uv)", buildable };
      return { status: 200, json };
    }
    if (request.method === "POST") {
      const isReady = (this.buildRounds -= 1) < 0;
      const json = isReady ? { status: "ready", environment: first } : { status: "building", environment: null };
      return { status: isReady ? 200 : 202, json };
    }
    const index = this.environments.findIndex(({ id }) => url.pathname.endsWith(`/${id}`));
    if (index === -1) return problem(404, "not_found", "environment_not_found", "No environment has this id.");
    this.environments.splice(index, 1);
    return { status: 204, json: undefined };
  }

  #run(id: string): RunView {
    return this.runs.find((run) => run.id === id) as RunView;
  }

  #list(url: URL): Answer {
    const query = url.searchParams;
    const states = query.getAll("state").flatMap((part) => part.split(","));
    const found = this.runs.filter(
      (run) =>
        (run.deletedAt !== null) === (query.get("deleted") === "true") &&
        (states.length === 0 || states.includes(run.state)) &&
        (query.get("name") ?? run.name) === run.name &&
        run.id.startsWith(query.get("idPrefix") ?? ""),
    );
    const from = Number(query.get("cursor") ?? 0);
    const to = from + Number(query.get("limit") ?? 100);
    return { status: 200, json: { runs: found.slice(from, to), nextCursor: to < found.length ? String(to) : null } };
  }

  async #submit(request: IncomingMessage): Promise<Answer> {
    const headers = new Headers({ "content-type": request.headers["content-type"] ?? "" });
    const form = await new Response(await bodyOf(request), { headers }).formData();
    const key = request.headers["idempotency-key"]?.toString() ?? null;
    const manifest = await (form.get("manifest") as File).text();
    const zip = Buffer.from(await (form.get("model_definition") as File).arrayBuffer());
    this.submissions.push({ manifest, zip, key });
    const before = key === null ? undefined : this.#keys.get(key);
    if (before !== undefined) return { status: 200, json: before };
    const run = this.nextRun as RunView;
    this.runs.unshift(run);
    if (key !== null) this.#keys.set(key, run);
    return { status: 201, json: run };
  }

  async #show(id: string, url: URL): Promise<Answer> {
    const after = url.searchParams.get("afterVersion");
    const deadline = deadlineOf(url);
    const isOld = (): boolean => after !== null && this.#run(id).version <= Number(after);
    while (isOld() && (await this.#waitFor(deadline))) continue;
    return { status: 200, json: this.#run(id) };
  }

  async #log(id: string, url: URL): Promise<Answer> {
    const from = Number(url.searchParams.get("offset") ?? 0);
    const limit = Number(url.searchParams.get("limit") ?? 4_194_304);
    const deadline = deadlineOf(url);
    const now = (): { bytes: Buffer; isComplete: boolean } =>
      this.logs.get(id) ?? { bytes: Buffer.alloc(0), isComplete: false };
    while (now().bytes.length <= from && !now().isComplete && (await this.#waitFor(deadline))) continue;
    const { bytes, isComplete } = now();
    const headers = { [LOG_SIZE_HEADER]: String(bytes.length), [LOG_COMPLETE_HEADER]: String(isComplete) };
    return { status: 200, headers, bytes: bytes.subarray(from, from + limit) };
  }

  /** True after a change; false once the deadline has passed. */
  async #waitFor(deadline: number): Promise<boolean> {
    const left = deadline - performance.now();
    if (left <= 0) return false;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, left, false);
      timer.unref();
    });
    const changed = this.#changed.promise.then(() => true);
    return await Promise.race([changed, late]).finally(() => clearTimeout(timer));
  }

  async #stop(id: string, request: IncomingMessage): Promise<Answer> {
    await bodyOf(request);
    if (this.#run(id).endedAt !== null)
      return problem(409, "conflict", "run_already_ended", `Run '${id}' has already ended.`);
    this.change(id, { stopRequestedAt: "2026-11-26T02:00:00.000Z" });
    return { status: 202, json: this.#run(id) };
  }

  #restore(id: string): Answer {
    this.change(id, { deletedAt: null, undoUntil: null });
    return { status: 200, json: this.#run(id) };
  }

  #delete(id: string, isNow: boolean): Answer {
    if (this.#run(id).endedAt === null) {
      return problem(
        409,
        "conflict",
        "run_not_ended",
        `Run '${id}' is ${this.#run(id).state} and cannot be deleted yet.`,
      );
    }
    if (this.undoUntil !== null && !isNow) {
      this.change(id, { deletedAt: "2026-11-26T02:00:00.000Z", undoUntil: this.undoUntil });
      return { status: 202, json: this.#run(id) };
    }
    this.runs.splice(this.runs.indexOf(this.#run(id)), 1);
    return { status: 204, json: undefined };
  }
}

interface Answer {
  readonly status: number;
  readonly json?: unknown;
  readonly headers?: Record<string, string>;
  readonly bytes?: Buffer;
}

function deadlineOf(url: URL): number {
  return performance.now() + Number(url.searchParams.get("waitSeconds") ?? 0) * 1000;
}

function problem(status: number, kind: Problem["kind"], code: string, detail = "Refused."): Answer {
  const json: Problem = {
    type: `urn:trainyard:error:${code}`,
    title: code,
    status,
    kind,
    code,
    detail,
    hint: "Do better.",
  };
  return { status, json };
}

function sendJson(response: ServerResponse, status: number, json: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(json === undefined ? undefined : JSON.stringify(json));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
