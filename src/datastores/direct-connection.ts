import { connect as connectPlain, isIP, type Socket } from "node:net";
import { connect as connectSecure } from "node:tls";
import type { EndpointGuard } from "./address-guard.ts";
import { type AnswerHead, joinChunks, parseAnswerHead } from "./answer-head.ts";
import type { BodySink, TakenAnswer, TimeLimits } from "./http-client.ts";

/** What one read of the socket may bring, into memory that the next one uses again. */
const BUFFER_BYTES = 256 * 1024;

const MAX_HEAD_BYTES = 64 * 1024;
const MAX_TEXT_BYTES = 64 * 1024;

/** Servers close connections that were idle for 5 s and more; one that is older than this is not used again. */
const MAX_IDLE_MS = 4000;

/** An answer that this does not read; nothing of it was given to the sink. */
export const ODD_ANSWER = "odd";

/** One request and its answer, which is not yet here. */
interface Exchange {
  readonly sink: BodySink;
  readonly settled: PromiseWithResolvers<TakenAnswer | typeof ODD_ANSWER>;
  headText: string;
  head: AnswerHead | undefined;
  isTaken: boolean;
  /** Bytes of the body that have not come. */
  left: number;
  text: Buffer;
}

/**
 * A connection for answers that are mostly body. It reads from the socket into one buffer again and again, where a
 * stream would make a new one for each read: for large objects that, not the copying, is what receiving costs.
 *
 *   idle ──exchange──▶ head ──▶ body ──▶ idle, or closed where the server, an error, the signal or an odd answer says so
 */
export class DirectConnection {
  readonly #socket: Socket;
  readonly #limits: TimeLimits;
  #exchange: Exchange | undefined;
  #isPaused = false;

  constructor(origin: URL, guard: EndpointGuard, limits: TimeLimits, onClose: () => void) {
    this.#limits = limits;
    this.#socket = openSocket(origin, guard, (piece) => this.#receive(piece));
    const tooLate = setTimeout(() => this.#socket.destroy(trouble("UND_ERR_CONNECT_TIMEOUT")), limits.connectMs);
    this.#socket
      .once(origin.protocol === "https:" ? "secureConnect" : "connect", () => clearTimeout(tooLate))
      .on("timeout", () => this.#onSilence())
      .on("error", (error) => this.#exchange?.settled.reject(error))
      .once("close", () => {
        clearTimeout(tooLate);
        this.#exchange?.settled.reject(trouble("UND_ERR_SOCKET"));
        onClose();
      });
  }

  /** Whether another exchange may follow. */
  get isOpen(): boolean {
    return !this.#socket.destroyed && this.#socket.writable;
  }

  /** One at a time. `head` is the request with its empty line. After anything but an answer the connection is closed. */
  async exchange(head: string, sink: BodySink, signal: AbortSignal): Promise<TakenAnswer | typeof ODD_ANSWER> {
    const settled: Exchange["settled"] = Promise.withResolvers();
    this.#exchange = { sink, settled, headText: "", head: undefined, isTaken: false, left: 0, text: Buffer.alloc(0) };
    const stop = (): void => this.#fail(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    this.#socket.ref();
    this.#socket.setTimeout(this.#limits.silenceMs);
    this.#socket.write(head, "latin1");
    try {
      const answer = await settled.promise;
      if (answer === ODD_ANSWER) this.close();
      return answer;
    } catch (error) {
      this.close();
      throw error;
    } finally {
      signal.removeEventListener("abort", stop);
      this.#exchange = undefined;
      this.#socket.setTimeout(MAX_IDLE_MS);
      this.#socket.unref();
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  /** False asks the socket to read no more for now. */
  #receive(piece: Buffer): boolean {
    const exchange = this.#exchange;
    // Bytes that nobody asked for.
    if (exchange === undefined) return this.#closed();
    try {
      const body = exchange.head === undefined ? this.#beginWith(exchange, piece) : piece;
      if (body === undefined) return !this.#socket.destroyed;
      if (exchange.head?.bodyBytes === null) return this.#keepChunks(exchange, body);
      const own = body.length > exchange.left ? body.subarray(0, exchange.left) : body;
      exchange.left -= own.length;
      if (own.length < body.length) this.close();
      const patience = own.length === 0 ? undefined : this.#take(exchange, own);
      if (patience === undefined) {
        if (exchange.left === 0) this.#end(exchange);
        return true;
      }
      this.#isPaused = true;
      patience.then(
        () => this.#goOn(exchange),
        (error: unknown) => this.#fail(error),
      );
      return false;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  /** What follows the head, once that is here. */
  #beginWith(exchange: Exchange, piece: Buffer): Buffer | undefined {
    exchange.headText += piece.toString("latin1", 0, Math.min(piece.length, MAX_HEAD_BYTES));
    const end = exchange.headText.indexOf("\r\n\r\n");
    const head = end < 0 ? undefined : parseAnswerHead(exchange.headText.slice(0, end));
    if (head === undefined) {
      if (end >= 0 || exchange.headText.length >= MAX_HEAD_BYTES) exchange.settled.resolve(ODD_ANSWER);
      return undefined;
    }
    // An error in chunks is short and is put together; an object in chunks is left to others.
    if (head.bodyBytes === null && head.status < 300) {
      exchange.settled.resolve(ODD_ANSWER);
      return undefined;
    }
    exchange.head = head;
    exchange.left = head.bodyBytes ?? 0;
    exchange.isTaken = exchange.sink.begin(head);
    const before = exchange.headText.length - Math.min(piece.length, MAX_HEAD_BYTES);
    return piece.subarray(end + 4 - before);
  }

  #take(exchange: Exchange, piece: Buffer): Promise<void> | undefined {
    if (exchange.isTaken) return exchange.sink.take(piece);
    if (exchange.text.length < MAX_TEXT_BYTES) exchange.text = Buffer.concat([exchange.text, piece]);
    // Nobody wants to read on to the end of what is no object and no message.
    else this.#end(exchange, true);
    return undefined;
  }

  #keepChunks(exchange: Exchange, piece: Buffer): boolean {
    exchange.text = Buffer.concat([exchange.text, piece]);
    const joined = joinChunks(exchange.text);
    if (joined === undefined && exchange.text.length < MAX_TEXT_BYTES) return true;
    exchange.text = joined ?? exchange.text;
    this.#end(exchange, true);
    return false;
  }

  #end({ head, text, settled }: Exchange, isLast = head?.isLast): void {
    if (head === undefined) return;
    if (isLast === true) this.close();
    settled.resolve({ status: head.status, header: (name) => head.header(name), text: text.toString("utf8") });
  }

  #goOn(exchange: Exchange): void {
    this.#isPaused = false;
    if (exchange.left === 0) this.#end(exchange);
    if (this.#socket.destroyed) return;
    // Anew: where the pause was longer, the timer has run out and would wait for the next byte.
    this.#socket.setTimeout(this.#limits.silenceMs);
    this.#socket.resume();
  }

  /** The first failure is the one that is told. */
  #fail(error: unknown): void {
    this.#exchange?.settled.reject(error);
    this.close();
  }

  #onSilence(): void {
    // It is we who do not read.
    if (this.#isPaused) return;
    const code = this.#exchange?.head === undefined ? "UND_ERR_HEADERS_TIMEOUT" : "UND_ERR_BODY_TIMEOUT";
    this.#fail(trouble(code));
  }

  #closed(): false {
    this.close();
    return false;
  }
}

function openSocket(origin: URL, guard: EndpointGuard, receive: (piece: Buffer) => boolean): Socket {
  const host = origin.hostname.replace(/^\[|\]$/g, "");
  const isSecure = origin.protocol === "https:";
  const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  const options = {
    host,
    port: Number(origin.port) || (isSecure ? 443 : 80),
    lookup: guard.lookup,
    noDelay: true,
    onread: { buffer, callback: (count: number) => receive(buffer.subarray(0, count)) },
  };
  if (!isSecure) return connectPlain(options);
  return connectSecure({ ...options, ALPNProtocols: ["http/1.1"], ...(isIP(host) === 0 ? { servername: host } : {}) });
}

/** With the codes of the other client, which are understood wherever stores are spoken with. */
function trouble(code: string): Error {
  return Object.assign(new Error(code), { code });
}
