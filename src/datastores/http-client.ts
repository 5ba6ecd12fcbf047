import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import { Agent, type Dispatcher } from "undici";
import { announce } from "../base/world.ts";
import { ServiceError } from "../domain/errors.ts";
import type { EndpointGuard } from "./address-guard.ts";
import { DirectConnections } from "./direct-connections.ts";
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
  /** A GET whose answer is mostly the bytes of an object; for `stream`. */
  readonly isOfObject?: boolean;
}

/** The head of an answer and its body, which must be read, or left with `discard`. */
export interface HttpAnswer extends Outcome {
  readonly body: Readable;
  /** Throws when there is more: what a stranger's server sends has no end by itself. */
  text(maxBytes: number): Promise<string>;
  discard(): Promise<void>;
}

/** Takes an answer's body as it comes. Both may throw, which breaks the connection and rejects the request. */
export interface BodySink {
  /** Whether the body is for `take`; another one, as that of an error, is given back as text. */
  begin(answer: Outcome): boolean;
  /** The piece is only lent, for the time of the call. With a promise nothing more comes until it is settled. */
  take(piece: Buffer): Promise<void> | undefined;
}

/** An answer whose body was taken, or is here as text. */
export interface TakenAnswer extends Outcome {
  readonly text: string;
}

/** What is kept of a body that nobody takes. */
const MAX_TEXT_BYTES = 64 * 1024;

const MAX_CONNECTIONS = 64;

/** How much of an unwanted body is read to keep the connection. */
const WORTH_READING_BYTES = 64 * 1024;

/** HTTP to addresses that are allowed: no redirects, no repeats, nothing from the environment. */
export class HttpClient {
  readonly #guard: EndpointGuard;
  readonly #agent: Agent;
  readonly #direct: DirectConnections;

  constructor(guard: EndpointGuard, limits: TimeLimits) {
    this.#guard = guard;
    this.#direct = new DirectConnections(guard, limits);
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

  /**
   * As `send`, without a stream for each answer, and for the bytes of an object without the agent too where the answer
   * is of the usual form. Resolves when the body has been taken.
   */
  async stream(endpoint: Endpoint, request: HttpRequest, sink: BodySink, signal: AbortSignal): Promise<TakenAnswer> {
    const { method, headers = {}, isOfObject = false } = request;
    const path = endpoint.path + request.path;
    announce("request", `${method} ${path}`);
    signal.throwIfAborted();
    if (isOfObject) {
      const answer = await this.#direct.get({ origin: endpoint.origin, path, headers }, sink, signal);
      if (answer !== undefined) return answer;
    }
    const reception = new Reception(sink, signal);
    this.#agent.dispatch({ origin: endpoint.origin, path, method, headers }, reception);
    return reception.answer;
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    this.#direct.close();
    await this.#agent.destroy();
  }
}

/** The way of one answer through the agent's callbacks. */
class Reception implements Dispatcher.DispatchHandler {
  readonly #sink: BodySink;
  readonly #signal: AbortSignal;
  readonly #settled = Promise.withResolvers<TakenAnswer>();
  readonly #text: Buffer[] = [];
  #textBytes = 0;
  #controller: Dispatcher.DispatchController | undefined;
  #outcome: Outcome | undefined;
  #isTaken = false;

  constructor(sink: BodySink, signal: AbortSignal) {
    this.#sink = sink;
    this.#signal = signal;
    signal.addEventListener("abort", this.#stop, { once: true });
  }

  get answer(): Promise<TakenAnswer> {
    return this.#settled.promise;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#signal.aborted) this.#stop();
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    const header = (name: string): string | undefined => {
      const value = headers[name];
      return Array.isArray(value) ? value[0] : value;
    };
    this.#outcome = { status, header };
    this.#orFail(() => {
      this.#isTaken = status >= 200 && this.#sink.begin({ status, header });
    });
  }

  onResponseData(controller: Dispatcher.DispatchController, piece: Buffer): void {
    if (!this.#isTaken) return this.#keepText(piece);
    this.#orFail(() => {
      const patience = this.#sink.take(piece);
      if (patience === undefined) return;
      controller.pause();
      patience.then(
        () => controller.resume(),
        (error: unknown) => this.#fail(error),
      );
    });
  }

  onResponseEnd(): void {
    const answer = this.#outcome;
    if (answer === undefined) return this.#fail(new Error("An answer without a beginning."));
    this.#leave();
    const text = Buffer.concat(this.#text).toString("utf8");
    // The agent uses the connection again one turn of the event loop from now; who asks before makes another one.
    queueMicrotask(() => setImmediate(() => this.#settled.resolve({ ...answer, text })));
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#leave();
    this.#settled.reject(error);
  }

  #keepText(piece: Buffer): void {
    if (this.#textBytes < MAX_TEXT_BYTES) this.#text.push(piece);
    this.#textBytes += piece.length;
  }

  #orFail(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#fail(error);
    }
  }

  readonly #stop = (): void => this.#fail(this.#signal.reason);

  /** The first failure is the one that is told; the agent's own, that the request was aborted, comes after it. */
  #fail(error: unknown): void {
    this.#leave();
    this.#settled.reject(error);
    this.#controller?.abort(error instanceof Error ? error : new Error(String(error)));
  }

  #leave(): void {
    this.#signal.removeEventListener("abort", this.#stop);
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
