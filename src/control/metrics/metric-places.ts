import { join } from "node:path";
import type { Run } from "../../domain/run.ts";
import type { CollectedLearner } from "../../metrics/run-collection.ts";
import { metricSources } from "../../metrics/sources/metric-sources.ts";
import { learnerFolderOf } from "../run/past-logs.ts";
import { learnersOf, runDirectory, type RunDirectory } from "../run/run-directory.ts";

/** The folder of a run's points; it stays as long as the run's logs do. */
export function metricsFolder(home: string, runId: string): string {
  return join(runDirectory(home, runId).root, "metrics");
}

/** Every learner of every attempt so far, the oldest attempt first, with where its metrics are. */
export function collectedLearners(home: string, run: Run): readonly CollectedLearner[] {
  const directory = runDirectory(home, run.id);
  const attempts = Array.from({ length: run.attempt }, (_, index) => index + 1);
  return attempts.flatMap((attempt) =>
    learnersOf(run).map((learner) => collectedLearner(directory, run, attempt, learner)),
  );
}

function collectedLearner(directory: RunDirectory, run: Run, attempt: number, learner: number): CollectedLearner {
  const logs = learnerFolderOf(directory, run, attempt, learner);
  const { state, results, code } = directory;
  const sources = metricSources(run.spec.evaluationMetrics, { logs, state, results, code });
  if (attempt === run.attempt) return { learner, attempt, logs, sources };
  // What all attempts share is looked through once.
  const eventRoots = sources.eventRoots?.filter((root) => root === logs || root.startsWith(`${logs}/`)) ?? null;
  return { learner, attempt, logs, sources: { ...sources, eventRoots, warnings: [] } };
}
