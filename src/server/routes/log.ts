import { LOG_COMPLETE_HEADER, LOG_SIZE_HEADER, RUN_ATTEMPT_HEADER } from "../../contract/routes.ts";
import { rangeNotSatisfiable } from "../../domain/errors.ts";
import { openLog, type LogSnapshot } from "../../logs/log-file.ts";
import { readByteRange, type ByteRange } from "../byte-range.ts";
import type { RouteHandlers } from "../register-route.ts";
import type { RunService } from "../services.ts";
import { waitUpTo } from "../waiting.ts";

/** Part of a log as it was when it was opened; `end` is not included. */
interface Slice {
  readonly start: number;
  readonly end: number;
  readonly status: 200 | 206;
}

export function logRoutes(runs: RunService, closing: AbortSignal): Pick<RouteHandlers, "readLog"> {
  return {
    readLog: async ({ params: { id }, query, headers, reply }) => {
      const { learner, attempt, waitSeconds } = query;
      const range = headers.range === undefined ? null : readByteRange(headers.range);
      // A wish for the last N bytes has nothing to wait for but a first byte.
      const from = range === null ? query.offset : range.kind === "from" ? range.start : 0;

      let log = await lookAt(runs, id, learner, attempt);
      if (waitSeconds > 0 && !log.isComplete && log.snapshot.sizeBytes <= from) {
        await log.snapshot[Symbol.asyncDispose]();
        await waitUpTo(waitSeconds, reply, closing, (signal) => runs.waitForLog(id, learner, from, signal, attempt));
        log = await lookAt(runs, id, learner, attempt);
      }

      await using snapshot = log.snapshot;
      const { sizeBytes } = snapshot;
      const slice = range === null ? sliceByOffset(query, sizeBytes) : sliceByRange(range, sizeBytes);
      if (slice === null) {
        reply.header("content-range", `bytes */${sizeBytes}`);
        throw rangeNotSatisfiable(from, sizeBytes);
      }
      return {
        status: slice.status,
        body: snapshot.stream(slice.start, slice.end),
        headers: headersOf(slice, sizeBytes, log),
      };
    },
  };
}

/** Asks for completeness before it takes the size: a log that was complete then cannot have been shorter than it is now. */
async function lookAt(
  runs: RunService,
  id: string,
  learner: number,
  attempt: number | undefined,
): Promise<{ snapshot: LogSnapshot; isComplete: boolean; presentAttempt: number }> {
  const { path, ...state } = await runs.logFile(id, learner, attempt);
  return { snapshot: await openLog(path), ...state };
}

/** An offset at the very end is no mistake: a follower asks there for what comes next. */
function sliceByOffset({ offset, limit }: { offset: number; limit: number }, sizeBytes: number): Slice | null {
  return offset > sizeBytes ? null : { start: offset, end: Math.min(sizeBytes, offset + limit), status: 200 };
}

function sliceByRange(range: ByteRange, sizeBytes: number): Slice | null {
  const start = range.kind === "last" ? Math.max(0, sizeBytes - range.length) : range.start;
  const end = range.kind === "last" ? sizeBytes : Math.min(sizeBytes, range.end ?? sizeBytes);
  return start < end ? { start, end, status: 206 } : null;
}

function headersOf(
  { start, end, status }: Slice,
  sizeBytes: number,
  { isComplete, presentAttempt }: { readonly isComplete: boolean; readonly presentAttempt: number },
): Record<string, string> {
  return {
    "content-type": "text/plain; charset=utf-8",
    "content-length": String(end - start),
    "accept-ranges": "bytes",
    [LOG_SIZE_HEADER]: String(sizeBytes),
    [LOG_COMPLETE_HEADER]: String(isComplete),
    [RUN_ATTEMPT_HEADER]: String(presentAttempt),
    ...(status === 206 ? { "content-range": `bytes ${start}-${end - 1}/${sizeBytes}` } : {}),
  };
}
