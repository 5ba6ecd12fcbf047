import type { Readable } from "node:stream";
import type { BodySink, Endpoint, HttpAnswer, HttpClient, HttpRequest, TakenAnswer } from "../http-client.ts";

/** What a login gives: the right to speak, for a while, and with whom. */
export interface Grant {
  readonly token: string;
  readonly storage: Endpoint;
}

export type Login = (signal: AbortSignal) => Promise<Grant>;

/** A request whose body can be made again, because a token may turn out to have ended. */
export interface SwiftRequest extends Omit<HttpRequest, "body"> {
  readonly body?: () => Uint8Array | Readable;
}

/** How long one login may take; it is not ended with the request that caused it, because others wait for it too. */
const LOGIN_MS = 60_000;

/**
 * Requests to the store, each with a token that is good. Tokens end in the middle of everything: the first answer 401
 * makes one new login, which all requests that came to the same end share, and each of them is then sent once more.
 */
export class SwiftSession {
  readonly #client: HttpClient;
  readonly #login: Login;
  #grant: Promise<Grant> | undefined;

  constructor(client: HttpClient, login: Login) {
    this.#client = client;
    this.#login = login;
  }

  async send(request: SwiftRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const asked = this.#current();
    const answer = await this.#sendWith(await abortable(asked, signal), request, signal);
    if (answer.status !== 401) return answer;
    await answer.discard();
    // Whoever came first has already asked for another one.
    if (this.#grant === asked) this.#grant = undefined;
    return this.#sendWith(await abortable(this.#current(), signal), request, signal);
  }

  /** As `send`, for many small answers; `sink` is not shown the answer that has no good token. */
  async stream(request: Omit<SwiftRequest, "body">, sink: BodySink, signal: AbortSignal): Promise<TakenAnswer> {
    const asked = this.#current();
    const answer = await this.#streamWith(await abortable(asked, signal), request, sink, signal);
    if (answer.status !== 401) return answer;
    if (this.#grant === asked) this.#grant = undefined;
    return this.#streamWith(await abortable(this.#current(), signal), request, sink, signal);
  }

  async #streamWith(
    grant: Grant,
    request: Omit<SwiftRequest, "body">,
    sink: BodySink,
    signal: AbortSignal,
  ): Promise<TakenAnswer> {
    const headers = { ...request.headers, "x-auth-token": grant.token };
    return this.#client.stream(grant.storage, { ...request, headers }, sink, signal);
  }

  async #sendWith(grant: Grant, request: SwiftRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { body, headers, ...rest } = request;
    const made = body === undefined ? {} : { body: body() };
    const all = { ...headers, "x-auth-token": grant.token };
    return this.#client.send(grant.storage, { ...rest, ...made, headers: all }, signal);
  }

  #current(): Promise<Grant> {
    if (this.#grant !== undefined) return this.#grant;
    const grant = this.#login(AbortSignal.timeout(LOGIN_MS));
    this.#grant = grant;
    // A login that failed is not kept; whoever waits for it learns why.
    grant.catch(() => {
      if (this.#grant === grant) this.#grant = undefined;
    });
    return grant;
  }
}

async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
