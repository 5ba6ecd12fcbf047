import { Readable } from "node:stream";
import { LOG_COMPLETE_HEADER, LOG_NEXT_HEADER, LOG_SIZE_HEADER, RUN_ATTEMPT_HEADER } from "../../contract/routes.ts";
import { rangeNotSatisfiable } from "../../domain/errors.ts";
import type { LogFacts } from "../../logs/log-hub.ts";
import { openServedLog, type ServedLog } from "../../logs/served-log.ts";
import { readByteRange, type ByteRange } from "../byte-range.ts";
import type { RouteHandlers } from "../register-route.ts";
import type { RunService } from "../services.ts";
import { waitUpTo } from "../waiting.ts";

const PIECE_BYTES = 262_144;

/** Part of a log as it was when it was opened; `end` is not included. */
interface Slice {
  readonly start: number;
  readonly end: number;
  readonly status: 200 | 206;
}

interface LookedAt {
  readonly log: ServedLog & AsyncDisposable;
  readonly facts: LogFacts;
}

export function logRoutes(runs: RunService, closing: AbortSignal): Pick<RouteHandlers, "readLog"> {
  return {
    readLog: async ({ params: { id }, query, headers, reply }) => {
      const { learner, attempt, waitSeconds } = query;
      const range = headers.range === undefined ? null : readByteRange(headers.range);
      // A wish for the last N bytes has nothing to wait for but a first byte.
      const from = range === null ? query.offset : range.kind === "from" ? range.start : 0;

      const lookAt = async (): Promise<LookedAt> => {
        // Complete first, size after: a log that was complete then cannot have been shorter than it is now.
        const facts = await runs.logFile(id, learner, attempt);
        return { facts, log: await openServedLog(facts) };
      };
      let looked = await lookAt();
      if (waitSeconds > 0 && hasNothing(looked, from)) {
        await waitUpTo(waitSeconds, reply, closing, async (signal) => {
          while (hasNothing(looked, from)) {
            await looked.log[Symbol.asyncDispose]();
            // What is held back is no news: only what is written behind it, or the end, gives it free.
            const known = Math.max(from, looked.log.writtenBytes);
            await runs.waitForLog(id, learner, known, signal, attempt);
            looked = await lookAt();
          }
        });
        // The wait may have been cut off with the log closed.
        await looked.log[Symbol.asyncDispose]();
        looked = await lookAt();
      }
      const sliceOf = ({ sizeBytes, writtenBytes }: ServedLog): Slice => {
        const slice = range === null ? sliceByOffset(query, sizeBytes, writtenBytes) : sliceByRange(range, sizeBytes);
        if (slice !== null) return slice;
        reply.header("content-range", `bytes */${sizeBytes}`);
        throw rangeNotSatisfiable(from, sizeBytes);
      };
      return answerOf(looked, sliceOf);
    },
  };
}

/** A log that has become shorter than `from` is news as well. */
function hasNothing({ log, facts }: LookedAt, from: number): boolean {
  return !facts.isComplete && log.sizeBytes <= from && log.writtenBytes >= from;
}

async function answerOf({ log, facts }: LookedAt, sliceOf: (log: ServedLog) => Slice) {
  let isHandedOver = false;
  try {
    const { sizeBytes } = log;
    const slice = sliceOf(log);
    const line = slice.start < slice.end ? log.droppedAt(slice.start) : null;
    if (line !== null) {
      const headers = headersOf({ ...slice, end: line.next }, line.bytes.length, sizeBytes, facts);
      return { status: slice.status, body: Readable.from([line.bytes], { objectMode: false }), headers };
    }
    const given = { ...slice, end: Math.max(slice.start, Math.min(slice.end, log.unbrokenEnd(slice.start))) };
    const headers = headersOf(given, given.end - given.start, sizeBytes, facts);
    if (given.start === given.end) return { status: given.status, body: null, headers };
    isHandedOver = true;
    return { status: given.status, body: streamOf(log, given), headers };
  } finally {
    if (!isHandedOver) await log[Symbol.asyncDispose]();
  }
}

/** Closes the log at its end or when it is destroyed. */
function streamOf(log: ServedLog & AsyncDisposable, { start, end }: Slice): Readable {
  async function* bytes(): AsyncGenerator<Buffer> {
    for (let at = start; at < end;) {
      const piece = await log.read(at, Math.min(PIECE_BYTES, end - at));
      // So many bytes were promised: the answer is broken off, and who asks again is told what has become of them.
      if (piece?.kind !== "bytes") throw new Error("A part of the log was dropped while it was sent.");
      yield piece.bytes;
      at = piece.next;
    }
  }
  return Readable.from(bytes(), { objectMode: false }).once("close", () => void log[Symbol.asyncDispose]());
}

/**
 * An offset at the very end is no mistake: a follower asks there for what comes next. Neither is one behind what can be given
 * now: what turned out to be the beginning of a secret may have been given before.
 */
function sliceByOffset(
  { offset, limit }: { offset: number; limit: number },
  sizeBytes: number,
  writtenBytes: number,
): Slice | null {
  if (offset > writtenBytes) return null;
  return { start: offset, end: Math.max(offset, Math.min(sizeBytes, offset + limit)), status: 200 };
}

function sliceByRange(range: ByteRange, sizeBytes: number): Slice | null {
  const start = range.kind === "last" ? Math.max(0, sizeBytes - range.length) : range.start;
  const end = range.kind === "last" ? sizeBytes : Math.min(sizeBytes, range.end ?? sizeBytes);
  return start < end ? { start, end, status: 206 } : null;
}

function headersOf(
  { start, end, status }: Slice,
  length: number,
  sizeBytes: number,
  { isComplete, presentAttempt }: LogFacts,
): Record<string, string> {
  return {
    "content-type": "text/plain; charset=utf-8",
    "content-length": String(length),
    "accept-ranges": "bytes",
    [LOG_SIZE_HEADER]: String(sizeBytes),
    [LOG_NEXT_HEADER]: String(end),
    [LOG_COMPLETE_HEADER]: String(isComplete),
    [RUN_ATTEMPT_HEADER]: String(presentAttempt),
    ...(status === 206 ? { "content-range": `bytes ${start}-${end - 1}/${sizeBytes}` } : {}),
  };
}
