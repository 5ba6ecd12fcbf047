import type { Client } from "../client/client.ts";
import type { RunStateName, RunView } from "../contract/run.ts";

const PAGE = 1000;

interface RunFilter {
  readonly state?: RunStateName[] | undefined;
  readonly name?: string | undefined;
  readonly deleted?: boolean | undefined;
  /** `loss<0.5`: only runs whose latest value is so. */
  readonly metric?: string | undefined;
  /** `metric:loss`; left out: the newest first. */
  readonly sort?: string | undefined;
}

/** The newest runs, or the first of another order, page by page: at most `wanted`, which may be infinite, and whether there are more. */
export async function readRuns(
  client: Client,
  wanted: number,
  filter: RunFilter = {},
): Promise<{ readonly runs: readonly RunView[]; readonly hasMore: boolean }> {
  const runs: RunView[] = [];
  let cursor: string | undefined;
  do {
    const limit = Math.min(PAGE, wanted - runs.length);
    const page = await client.call("listRuns", { query: { ...filter, limit, cursor } });
    runs.push(...page.runs);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && runs.length < wanted);
  return { runs, hasMore: cursor !== undefined };
}
