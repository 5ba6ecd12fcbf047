import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { copyFile, rename, truncate } from "../../base/world-files.ts";
import type { Run } from "../../domain/run.ts";
import { pointsOf } from "../../metrics/metric-record.ts";
import { MAX_KEYS } from "../../metrics/points/key-list.ts";
import type { RunPoints } from "../../metrics/points/run-points.ts";
import { ibmSource, recordsName, type CollectedLearner, type RunCollection } from "../../metrics/run-collection.ts";
import { IBM_FILE } from "../../metrics/sources/metric-sources.ts";
import { readGrowth } from "../../metrics/sources/read-growth.ts";
import { readValDictList } from "../../metrics/val-dict-list.ts";
import { runDirectory } from "../run/run-directory.ts";

/** What programs of 2017-18 left for the search, in RESULT_DIR. */
const VAL_DICT_LIST = "val_dict_list.json";
const LARGEST_LIST = 16 * 1024 * 1024;

export interface MetricsEnd {
  readonly home: string;
  readonly folder: string;
  readonly run: Run;
  readonly learners: readonly CollectedLearner[];
  readonly collection: RunCollection;
  readonly now: Date;
}

/** Reads what is written only at a program's end, and writes what the results are to hold. May be repeated. */
export async function keepMetricFiles(end: MetricsEnd): Promise<void> {
  await addValDictList(end);
  for (const learner of end.learners) await writeRecords(end, learner);
}

/** Only the curves that nothing else has given. */
async function addValDictList({ home, run, collection, now }: MetricsEnd): Promise<void> {
  const { keys, offsets } = collection.points;
  if (offsets[VAL_DICT_LIST] !== undefined) return;
  const list = await readGrowth(join(runDirectory(home, run.id).results, VAL_DICT_LIST), 0, LARGEST_LIST);
  if (list === null || !list.isAll) return;
  const records = readValDictList(Buffer.from(list.bytes).toString("utf8"), now) ?? [];
  const points = records.flatMap(pointsOf).filter(({ key }) => !keys.includes(key));
  if (points.length > 0) await collection.add(points, { [VAL_DICT_LIST]: list.bytes.length });
}

/** `evaluation-metrics.txt` as the service of 2017-18 wrote it beside the log, where the program wrote none itself. */
async function writeRecords({ folder, collection }: MetricsEnd, { learner, attempt, logs }: CollectedLearner) {
  const name = recordsName(learner, attempt);
  const bytes = collection.points.offsets[name] ?? 0;
  const target = join(logs, IBM_FILE);
  if (bytes === 0 || (await isThere(target))) return;
  const draft = join(folder, `${name}.draft`);
  await copyFile(join(folder, name), draft);
  // What a crash left behind the records that count.
  await truncate(draft, bytes);
  // Known as read before it is there: what the service wrote is never taken for what a program said.
  await collection.add([], { [ibmSource(learner, attempt)]: bytes });
  await rename(draft, target);
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** What the run should be told of its metrics as a whole. */
export function warningsOfEnd({ spec, outcome }: Run, points: RunPoints): readonly string[] {
  const warnings: string[] = [];
  if (points.leftOut > 0) {
    warnings.push(
      `The run reported more than ${MAX_KEYS} different metrics; ${points.leftOut} values of further ones were left out.`,
    );
  }
  const wish = spec.evaluationMetrics;
  const isAskedFor = wish !== null && !["logger", "optivist"].includes(wish.type);
  if (isAskedFor && outcome?.state === "completed" && points.keys.every((key) => key.startsWith("system/"))) {
    warnings.push(
      `The manifest asks for metrics ('evaluation_metrics' of type '${wish.type}'), and none was seen. ` +
        "'trainyard metrics preview' shows what would be found in a log.",
    );
  }
  return warnings;
}
