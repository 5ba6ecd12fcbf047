import type { LogRows } from "../../contract/log.ts";
import { requestInvalid } from "../../domain/errors.ts";
import { readRows, rowOfLine, rowOfOffset, rowOfTime, totals, type SeenRow } from "../../logs/index/read-rows.ts";
import type { IndexedLog } from "../../logs/indexed-log.ts";
import type { RouteHandlers } from "../register-route.ts";
import type { RunService } from "../services.ts";

/** So much of a log may be read for one answer; rows that took more come with the next. */
const MAX_BYTES = 8 * 1024 * 1024;

interface Wish {
  readonly from?: number | undefined;
  readonly line?: number | undefined;
  readonly offset?: number | undefined;
  readonly time?: string | undefined;
  readonly before: number;
  readonly count: number;
}

export function logRowRoutes(runs: RunService): Pick<RouteHandlers, "readLogRows"> {
  return {
    readLogRows: async ({ params: { id }, query }) => {
      const places = [query.from, query.line, query.offset, query.time].filter((place) => place !== undefined);
      if (places.length > 1) {
        throw requestInvalid(
          "Rows are asked for by one place only.",
          "Send one of 'from', 'line', 'offset' and 'time'.",
        );
      }
      const { learner, attempt } = query;
      const body = await runs.useLogIndex(id, learner, attempt, async (indexed, facts): Promise<LogRows> => {
        const all = await totals(indexed);
        const { at, rows } = await look(indexed, query, all.rows);
        return {
          rows: rows.map(viewOf),
          at,
          totalRows: all.rows,
          totalLines: all.lines,
          sizeBytes: all.sizeBytes,
          timesFrom: all.timesFrom?.toISOString() ?? null,
          isComplete: facts.isComplete,
          attempt: attempt ?? facts.presentAttempt,
        };
      });
      return { status: 200, body };
    },
  };
}

async function look(
  indexed: IndexedLog,
  wish: Wish,
  rowCount: number,
): Promise<{ readonly at: number | null; readonly rows: readonly SeenRow[] }> {
  const at = await placeOf(indexed, wish, rowCount);
  if (at === null) return { at, rows: [] };
  return { at, rows: await readRows(indexed, Math.max(1, at - wish.before), wish.count, MAX_BYTES) };
}

async function placeOf(indexed: IndexedLog, wish: Wish, rowCount: number): Promise<number | null> {
  if (wish.line !== undefined) return rowOfLine(indexed, wish.line);
  if (wish.offset !== undefined) return rowCount === 0 ? null : rowOfOffset(indexed, wish.offset);
  if (wish.time !== undefined) return rowOfTime(indexed, new Date(wish.time));
  // Counted from the end, as the last rows are what most people want first.
  const from = wish.from ?? 1;
  return from < 0 ? Math.max(1, rowCount + 1 + from) : Math.max(1, from);
}

function viewOf({ number, line, offset, text, isCut, seenAt }: SeenRow): LogRows["rows"][number] {
  return { row: number, line, offset, seenAt: seenAt?.toISOString() ?? null, text, isCut };
}
