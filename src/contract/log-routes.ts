import { z } from "zod";
import { LogMatches, LogRows } from "./log.ts";
import { Flag, RunParams, WAIT_LIMIT_S } from "./parameters.ts";
import { Problem } from "./problem.ts";
import { routePaths } from "./route-paths.ts";

/** The part of the route table (routes.ts) that is about logs. */
export const logRoutes = {
  readLog: {
    operationId: "readLog",
    ...routePaths.readLog,
    summary: "Read the training log by bytes",
    description:
      "The raw bytes from `offset` (or a `Range: bytes=A-B` header, answered with 206). With `waitSeconds` and nothing to send yet, the answer " +
      "waits for bytes or for the end of the log. `Trainyard-Log-Size` is the size now; `Trainyard-Log-Complete: true` says that no byte will " +
      "follow after those. A range takes the place of `offset` and `limit`. Without `attempt` it is the run's present one. " +
      "`Trainyard-Log-Next` is the offset behind the body, to ask for next: where the middle of a log that grew beyond its limit was dropped, the " +
      "body is a line that says so, and the offset is where the log goes on. Secrets of the run are masked by as many asterisks.",
    access: "token",
    body: "none",
    params: RunParams,
    query: z.object({
      offset: z.coerce.number().int().min(0).default(0),
      limit: z.coerce.number().int().min(1).max(16_777_216).default(4_194_304),
      waitSeconds: z.coerce.number().min(0).max(WAIT_LIMIT_S).default(0),
      learner: z.coerce.number().int().min(1).max(10_000).default(1),
      attempt: z.coerce.number().int().min(1).max(10_000).optional(),
    }),
    headers: z.object({ range: z.string().max(200).optional() }),
    answers: { 200: null, 206: null, 404: Problem, 416: Problem },
  },
  followLog: {
    operationId: "followLog",
    ...routePaths.followLog,
    summary: "Follow the training log as Server-Sent Events",
    description:
      "`text/event-stream`. Every event has the id `ATTEMPT:OFFSET`, the byte offset behind it; `Last-Event-ID` goes on from there, across " +
      "lost connections and restarts of the server. Events: `text` (data: a JSON string), `bytes` (base64 of what is no UTF-8), `dropped` " +
      "(JSON: the middle is gone up to `to`, and `text` is a line to show), `emptied` (the program emptied its log; it begins anew at offset 0), `attempt` (JSON: the " +
      "attempt whose log begins now), `end` (no byte will follow). `tail` begins with the last lines, `offset` at a byte.",
    access: "token",
    body: "none",
    params: RunParams,
    query: z.object({
      offset: z.coerce.number().int().min(0).optional(),
      tail: z.coerce.number().int().min(0).max(100_000).optional(),
      learner: z.coerce.number().int().min(1).max(10_000).default(1),
      attempt: z.coerce.number().int().min(1).max(10_000).optional(),
    }),
    headers: z.object({ "last-event-id": z.string().max(100).optional() }),
    answers: { 200: null, 404: Problem },
  },
  readLogRows: {
    operationId: "readLogRows",
    ...routePaths.readLogRows,
    summary: "Read the training log by rows, as people see them",
    description:
      "A row is a line as a terminal shows it: progress bars that draw over themselves are one row, however many raw lines they are. Rows are " +
      "asked for from a row on (`from`; negative counts from the end), or around a raw `line`, a byte `offset` or a `time`, with so many rows " +
      "`before`; a row's number, `line` and `offset` never change, so they make permalinks. `seenAt` is when the service saw the beginning of the row, " +
      "at the latest, since programs write no times; null where that is not known. `text` has colours as SGR sequences. Fewer than `count` rows come " +
      "where they are very long.",
    access: "token",
    body: "none",
    params: RunParams,
    query: z.object({
      from: z.coerce.number().int().min(-Number.MAX_SAFE_INTEGER).optional(),
      line: z.coerce.number().int().min(1).optional(),
      offset: z.coerce.number().int().min(0).optional(),
      time: z.iso.datetime({ offset: true }).optional(),
      before: z.coerce.number().int().min(0).max(1000).default(0),
      count: z.coerce.number().int().min(0).max(2000).default(200),
      learner: z.coerce.number().int().min(1).max(10_000).default(1),
      attempt: z.coerce.number().int().min(1).max(10_000).optional(),
    }),
    answers: { 200: LogRows, 400: Problem, 404: Problem },
  },
  searchLog: {
    operationId: "searchLog",
    ...routePaths.searchLog,
    summary: "Find lines of the training log",
    description:
      "Lines with the text `q`, or with `regex=true` the JavaScript regular expression (which must not take too long). An answer has at most `limit` of " +
      "them and comes from a bounded part of the log; `cursor` asks for what follows. Secrets are masked before, and are not found.",
    access: "token",
    body: "none",
    params: RunParams,
    query: z.object({
      q: z.string().min(1).max(1000),
      regex: Flag.default(false),
      cursor: z.string().max(40).optional(),
      limit: z.coerce.number().int().min(1).max(1000).default(100),
      learner: z.coerce.number().int().min(1).max(10_000).default(1),
      attempt: z.coerce.number().int().min(1).max(10_000).optional(),
    }),
    answers: { 200: LogMatches, 400: Problem, 404: Problem },
  },
} as const;
