import type { Kysely, Transaction } from "kysely";
import type { MetricSummary } from "../../domain/metric-summary.ts";
import type { RunMetrics } from "../store.ts";
import type { RunMetricRow, Tables } from "./tables.ts";

/** Rows of one statement, so that its parameters stay below SQLite's limit. */
const PORTION = 500;

/** What the run had of other keys goes: the summaries are all that there is to say of it. */
export async function saveMetricSummaries(
  db: Transaction<Tables>,
  id: string,
  summaries: readonly MetricSummary[],
): Promise<void> {
  const run = await db.selectFrom("run").select("key").where("id", "=", id).executeTakeFirst();
  // It was removed meanwhile: there is nothing to say of it.
  if (run === undefined) return;
  await db.deleteFrom("run_metric").where("run_key", "=", run.key).execute();
  for (let from = 0; from < summaries.length; from += PORTION) {
    const rows = summaries.slice(from, from + PORTION).map((summary) => rowOf(run.key, summary));
    await db.insertInto("run_metric").values(rows).execute();
  }
}

export async function listMetricSummaries(
  db: Kysely<Tables>,
  runIds: readonly string[],
  keys: readonly string[] | null,
): Promise<readonly RunMetrics[]> {
  if (runIds.length === 0) return [];
  let query = db
    .selectFrom("run_metric")
    .innerJoin("run", "run.key", "run_metric.run_key")
    .selectAll("run_metric")
    .select("run.id as run_id")
    .where("run.id", "in", runIds)
    .orderBy("run_metric.key");
  if (keys !== null) query = query.where("run_metric.key", "in", keys.length === 0 ? [""] : keys);
  const rows = await query.execute();
  const byRun = new Map<string, MetricSummary[]>(runIds.map((id) => [id, []]));
  for (const row of rows) byRun.get(row.run_id)?.push(summaryOf(row));
  return [...byRun].map(([runId, summaries]) => ({ runId, summaries }));
}

function rowOf(runKey: number, { key, count, min, max, last, lastStep, lastAt }: MetricSummary): RunMetricRow {
  return {
    run_key: runKey,
    key,
    count,
    min,
    max,
    last: Number.isNaN(last) ? null : last,
    last_step: lastStep,
    last_at: lastAt.getTime(),
  };
}

function summaryOf(row: RunMetricRow): MetricSummary {
  const { key, count, min, max, last, last_step: lastStep, last_at: lastAt } = row;
  return { key, count, min, max, last: last ?? NaN, lastStep, lastAt: new Date(lastAt) };
}
