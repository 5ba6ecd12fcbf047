import { RemoteError } from "./remote-error.ts";
import type { DataStore } from "./datastore.ts";
import type { Outcome } from "./http-client.ts";

/** Some bytes of an object, as one request asks for them. */
export interface RangeRequest {
  readonly key: string;
  readonly start: number;
  /** Not included; null asks for all that follow. */
  readonly end: number | null;
  /** The content that is meant, where the store can tell; null takes any. */
  readonly etag: string | null;
}

/** What the answer says before its first byte. */
export interface RangeAnswer {
  /** Of the object whose bytes follow; null when nothing is said. */
  readonly etag: string | null;
  /** Of the whole object; null when nothing is said. */
  readonly sizeBytes: number | null;
  /** Where the bytes begin: at 0 for a store that does not know ranges and gives everything. */
  readonly start: number;
  /** Where they end, not included; null when nothing is said. */
  readonly end: number | null;
  /** True when the ETag is known not to be made from the bytes, as of objects that the store encrypts with keys of its own. */
  readonly isOpaque: boolean;
}

/** Takes the bytes of one answer as they come. Both may throw, which ends the read and leaves the rest unread. */
export interface RangeSink {
  /** Called once, before any byte. */
  begin(answer: RangeAnswer): void;
  /** The piece is only lent: its memory is used again after the call. With a promise nothing more comes until it is settled. */
  take(piece: Buffer): Promise<void> | undefined;
}

/** `replaced`: the store says that the object's content is another one than the request means. */
export type RangeOutcome = "read" | "replaced";

/** A store that gives ranges of objects with what it says of them, at little cost for each request. */
export interface RangeReads {
  /**
   * Resolves after the last byte, which may come too early. Rejects with `RemoteError`, the sink's own error or the
   * signal's reason. Not repeated by anybody: what arrived is the sink's.
   */
  readRange(request: RangeRequest, sink: RangeSink, signal: AbortSignal): Promise<RangeOutcome>;
}

function hasRangeReads(store: DataStore): store is DataStore & RangeReads {
  return "readRange" in store;
}

/** Of any store; one that offers no more than `read` says nothing about the content that it gives. */
export async function readRangeOf(
  store: DataStore,
  request: RangeRequest,
  sink: RangeSink,
  signal: AbortSignal,
): Promise<RangeOutcome> {
  if (hasRangeReads(store)) return store.readRange(request, sink, signal);
  const stream = await store.read(request.key, request.start, signal);
  let left = request.end === null ? Number.POSITIVE_INFINITY : request.end - request.start;
  try {
    sink.begin({ etag: null, sizeBytes: null, start: request.start, end: null, isOpaque: false });
    for await (const piece of stream as AsyncIterable<Buffer>) {
      await sink.take(piece.length > left ? piece.subarray(0, left) : piece);
      left -= piece.length;
      if (left <= 0) break;
    }
    return "read";
  } finally {
    stream.destroy();
  }
}

/** Where the bytes of an answer of HTTP lie in the object, by its Content-Range or its length. Throws where some are left out. */
export function placeOf(answer: Outcome, asked: number): Pick<RangeAnswer, "sizeBytes" | "start" | "end"> {
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(answer.header("content-range") ?? "");
  if (answer.status !== 206) {
    const length = answer.header("content-length");
    const sizeBytes = length === undefined ? null : Number(length);
    return { sizeBytes, start: 0, end: sizeBytes };
  }
  if (range === null) return { sizeBytes: null, start: asked, end: null };
  const [, start, last, size] = range;
  if (Number(start) > asked) {
    const fact = `The store sent bytes from ${start} on where those from ${asked} on were asked for.`;
    throw new RemoteError("corrupted", fact, { retryable: true, status: answer.status });
  }
  return { sizeBytes: size === "*" ? null : Number(size), start: Number(start), end: Number(last) + 1 };
}
