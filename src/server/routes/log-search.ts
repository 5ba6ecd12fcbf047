import { requestInvalid } from "../../domain/errors.ts";
import { openServedLog } from "../../logs/served-log.ts";
import { searchLog, type SearchPlace } from "../../logs/search/search-log.ts";
import { SearchThread } from "../../logs/search/search-thread.ts";
import type { RouteHandlers } from "../register-route.ts";
import type { RunService } from "../services.ts";
import { requestSignal } from "../waiting.ts";

/** So much is searched for one answer, which takes a fraction of a second; the cursor goes on from there. */
const TEXT_BYTES = 256 * 1024 * 1024;
const PATTERN_BYTES = 32 * 1024 * 1024;

export function logSearchRoutes(runs: RunService, closing: AbortSignal): Pick<RouteHandlers, "searchLog"> {
  const thread = new SearchThread();
  return {
    searchLog: async ({ params: { id }, query, reply }) => {
      const { learner, attempt, regex: isPattern } = query;
      if (isPattern) refuseBadPattern(query.q);
      using request = requestSignal(reply, closing);
      const facts = await runs.logFile(id, learner, attempt);
      await using log = await openServedLog(facts);
      const options = {
        query: query.q,
        findInLines: isPattern ? async (pattern: string, text: string) => thread.search(pattern, text) : null,
        from: readCursor(query.cursor),
        limit: query.limit,
        maxBytes: isPattern ? PATTERN_BYTES : TEXT_BYTES,
      };
      const page = await searchLog(log, options, request.signal);
      if (page.isTooSlow) {
        throw requestInvalid(
          `The pattern '${query.q}' takes too long on this log.`,
          "Nested repetitions like (a+)+ do; write it without them, or search for plain text.",
        );
      }
      const cursor = page.next === null ? null : `${page.next.offset}.${page.next.line}`;
      const body = { matches: [...page.matches], cursor, isComplete: facts.isComplete };
      return { status: 200, body: { ...body, attempt: attempt ?? facts.presentAttempt } };
    },
  };
}

function refuseBadPattern(pattern: string): void {
  try {
    // As the thread compiles it.
    void new RegExp(pattern, "mu");
  } catch (error) {
    throw requestInvalid(
      `'${pattern}' is no regular expression: ${(error as Error).message}.`,
      "Escape what is meant as it stands with a backslash.",
    );
  }
}

function readCursor(cursor: string | undefined): SearchPlace {
  if (cursor === undefined) return { offset: 0, line: 1 };
  const [, offset, line] = /^(\d{1,15})\.(\d{1,15})$/u.exec(cursor) ?? [];
  if (offset === undefined)
    throw requestInvalid(`'${cursor}' is no cursor.`, "Send the 'cursor' of the answer before.");
  return { offset: Number(offset), line: Math.max(1, Number(line)) };
}
