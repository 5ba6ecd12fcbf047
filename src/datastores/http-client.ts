import type { Readable } from "node:stream";
import { Agent } from "undici";
import { announce } from "../base/world.ts";
import { ServiceError } from "../domain/errors.ts";
import type { EndpointGuard } from "./address-guard.ts";
import { RemoteError } from "./remote-error.ts";

export interface TimeLimits {
  /** For name, connection and TLS together. */
  readonly connectMs: number;
  /** For silence on a connection in use. */
  readonly silenceMs: number;
}

export const DEFAULT_TIME_LIMITS: TimeLimits = { connectMs: 10_000, silenceMs: 60_000 };

/** The part of an answer that tells what became of the request. */
export interface Outcome {
  readonly status: number;
  header(name: string): string | undefined;
}

/** An address that the guard has let through; requests go to no other. */
export interface Endpoint {
  readonly origin: string;
  /** Without a slash at its end. */
  readonly path: string;
}

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** Behind the endpoint's path, escaped, and with the query: sent as it is, so that `a/../b` stays a name. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | Readable;
  /** The connection is not used again. */
  readonly isLast?: boolean;
}

/** The head of an answer and its body, which must be read, or left with `discard`. */
export interface HttpAnswer extends Outcome {
  readonly body: Readable;
  /** Throws when there is more: what a stranger's server sends has no end by itself. */
  text(maxBytes: number): Promise<string>;
  discard(): Promise<void>;
}

const MAX_CONNECTIONS = 64;

/** How much of an unwanted body is read to keep the connection. */
const WORTH_READING_BYTES = 64 * 1024;

/** HTTP to addresses that are allowed: no redirects, no repeats, nothing from the environment. */
export class HttpClient {
  readonly #guard: EndpointGuard;
  readonly #agent: Agent;

  constructor(guard: EndpointGuard, limits: TimeLimits) {
    this.#guard = guard;
    this.#agent = new Agent({
      connect: { timeout: limits.connectMs, lookup: guard.lookup },
      headersTimeout: limits.silenceMs,
      bodyTimeout: limits.silenceMs,
      connections: MAX_CONNECTIONS,
      // Nothing waits behind another request's answer, which may be an object of gigabytes.
      pipelining: 1,
      allowH2: false,
    });
  }

  /** `what` names the source of an address that we were told: `The address of the store in the catalogue`. */
  endpoint(url: string, what: string): Endpoint {
    try {
      const { origin, pathname } = this.#guard.checkEndpoint(url);
      return { origin, path: pathname.replace(/\/+$/, "") };
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      throw new RemoteError("address_refused", `${what} is refused: ${error.message}`, { retryable: false });
    }
  }

  async send(endpoint: Endpoint, request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { method, headers = {}, body = null, isLast = false } = request;
    const path = endpoint.path + request.path;
    announce("request", `${method} ${path}`);
    const answer = await this.#agent.request({
      origin: endpoint.origin,
      path,
      method,
      headers,
      body,
      reset: isLast,
      signal,
    });
    // Whoever reads the body learns of its errors; a body that is left must not end the process with them.
    answer.body.on("error", () => {});
    return {
      status: answer.statusCode,
      header(name) {
        const value = answer.headers[name];
        return Array.isArray(value) ? value[0] : value;
      },
      body: answer.body,
      text: async (maxBytes) => readText(answer.body, maxBytes),
      discard: async () => answer.body.dump({ limit: WORTH_READING_BYTES, signal }),
    };
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

async function readText(body: Readable, maxBytes: number): Promise<string> {
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    sizeBytes += piece.length;
    if (sizeBytes > maxBytes) {
      throw new RemoteError("server_error", `The answer has more than ${maxBytes} bytes.`, { retryable: false });
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}
