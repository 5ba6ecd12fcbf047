import { expect, test } from "vitest";
import type { MetricSummary } from "../../domain/metric-summary.ts";
import { amend } from "../../domain/run.ts";
import { ALL, everyPage, idsOf } from "./queries.ts";
import { insert, second } from "./sample-runs.ts";
import type { OpenStore } from "./store-bundle.ts";

function summary(key: string, last: number, more: Partial<MetricSummary> = {}): MetricSummary {
  return { key, count: 3, min: last - 1, max: last + 1, last, lastStep: 7.5, lastAt: second(5), ...more };
}

export function describeMetrics(open: OpenStore): void {
  test("what was said of a run's metrics comes back, NaN and infinities too, and the latest word counts", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const [run, other] = [await insert(store), await insert(store)];
    await store.saveMetricSummaries(run.id, [summary("old", 1), summary("loss", 2)]);
    const said = [
      summary("acc", Infinity, { min: null, max: null }),
      summary("loss", NaN, { min: -0.5, max: 1e300 }),
      summary("zeit/größe", 0),
    ];
    await store.saveMetricSummaries(run.id, said);
    await store.saveMetricSummaries("training-gone00000", said);
    const reopened = await bundle.reopen();
    expect(await reopened.listMetricSummaries([other.id, run.id], null)).toEqual([
      { runId: other.id, summaries: [] },
      { runId: run.id, summaries: said },
    ]);
    expect(await reopened.listMetricSummaries([run.id], ["loss", "none"])).toEqual([
      { runId: run.id, summaries: [said[1]] },
    ]);
  });

  test("runs are listed page by page in the order of a metric, without those that have no number of it", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const values = [3, 1, Infinity, 2, 1, NaN, -4];
    const ids: string[] = [];
    for (const value of values) {
      const { id } = await insert(store, { name: value === 2 ? "two" : "other" });
      await store.saveMetricSummaries(id, [summary("loss", value), summary("acc", -value)]);
      ids.push(id);
    }
    await insert(store);
    const at = (...places: readonly number[]) => places.map((place) => ids[place]);
    for (const limit of [1, 2, 3, 100]) {
      const sorted = async (order: "ascending" | "descending", key = "loss") =>
        (await everyPage(store, { ...ALL, limit, sort: { key, of: "last", order } })).map(({ id }) => id);
      expect(await sorted("ascending")).toEqual(at(6, 1, 4, 3, 0, 2));
      expect(await sorted("descending")).toEqual(at(2, 0, 3, 4, 1, 6));
      expect(await sorted("ascending", "none")).toEqual([]);
    }
    const sort = { key: "loss", of: "min", order: "ascending" } as const;
    expect(await idsOf(store, { sort, metric: { key: "acc", min: -2, max: 0 } })).toEqual(at(1, 4, 3));
    expect(await idsOf(store, { sort, name: "two" })).toEqual(at(3));
    expect(await idsOf(store, { sort, states: ["running"] })).toEqual([]);
    expect(await idsOf(store, { sort, idPrefix: ids[0] ?? "" })).toEqual(at(0));
    await expect(store.listRuns({ ...ALL, sort, cursor: "x" })).rejects.toMatchObject({ code: "request_invalid" });
  });

  test("a range of a metric selects runs by their latest value, and a deleted run takes its metrics along", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const runs = [];
    for (const value of [1, 2, 3, NaN]) {
      const run = await insert(store, { state: "failed", endedAt: second(1) });
      await store.saveMetricSummaries(run.id, [summary("loss", value)]);
      runs.push(run);
    }
    const [one, two, three] = runs.map(({ id }) => id);
    expect(await idsOf(store, { metric: { key: "loss", max: 2 } })).toEqual([two, one]);
    expect(await idsOf(store, { metric: { key: "loss", min: 2 } })).toEqual([three, two]);
    expect(await idsOf(store, { metric: { key: "loss" } })).toEqual([three, two, one]);
    expect(await idsOf(store, { metric: { key: "acc", max: 2 } })).toEqual([]);
    await store.deleteRun(two ?? "");
    await store.saveRun(amend(runs[2] as never, second(2), { deletedAt: second(2) }), []);
    expect(await idsOf(store, { metric: { key: "loss" } })).toEqual([one]);
    expect(await idsOf(store, { metric: { key: "loss" }, deleted: true })).toEqual([three]);
  });
}
