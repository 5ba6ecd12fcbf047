import { expect } from "vitest";
import type { Run } from "../../domain/run.ts";
import type { RunQuery, Store } from "../store.ts";

/** Every run, and as many as a page may have. */
export const ALL: RunQuery = { states: [], name: null, idPrefix: null, limit: 100, cursor: null };

export async function idsOf(store: Store, query: Partial<RunQuery>): Promise<readonly string[]> {
  return (await store.listRuns({ ...ALL, ...query })).runs.map((run) => run.id);
}

export async function everyPage(store: Store, query: RunQuery): Promise<readonly Run[]> {
  const runs: Run[] = [];
  let cursor: string | null = query.cursor;
  do {
    const page = await store.listRuns({ ...query, cursor });
    expect(page.runs.length).toBeLessThanOrEqual(query.limit);
    // Also the end of a list that would go round in circles.
    for (const { id } of page.runs) expect(runs.map((run) => run.id)).not.toContain(id);
    runs.push(...page.runs);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return runs;
}
