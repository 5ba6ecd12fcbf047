import { join } from "node:path";
import type { EvaluationMetrics } from "../../domain/training-spec.ts";
import type { PatternGroup } from "../pattern/group-collector.ts";
import type { CollectorOrder } from "../thread/collector-order.ts";
import { resolveIn, type MetricFolders } from "./metric-folders.ts";

/** A file that grows and what reads it. The file need not be there. */
export interface FileSource {
  /** Unique within the learner's attempt; its offset is kept under it. */
  readonly name: string;
  readonly path: string;
  readonly order: CollectorOrder;
}

/** Where the metrics of one learner come from. */
export interface MetricSources {
  readonly files: readonly FileSource[];
  /** Folders in which event files are looked for; null where they are not wanted. */
  readonly eventRoots: readonly string[] | null;
  /** What the manifest asks for and nobody can do; for the run. */
  readonly warnings: readonly string[];
}

export const IBM_FILE = "evaluation-metrics.txt";
export const TRAINING_LOG = "training-log.txt";

/** FfDL's collectors read these logs, the second where a program wrote it. */
const PATTERN_LOGS = [TRAINING_LOG, "user_log.txt"];

/**
 * The sources that a manifest's `evaluation_metrics` name. Where it names none, whatever the program leaves is found by
 * itself: numbers in its log, event files in its folders, records in IBM's file.
 */
export function metricSources(wish: EvaluationMetrics | null, folders: MetricFolders): MetricSources {
  const ibm: FileSource = { name: IBM_FILE, path: join(folders.logs, IBM_FILE), order: { kind: "ibm" } };
  const everywhere = [join(folders.state, "logs"), folders.logs, folders.results, folders.code];
  if (wish === null) {
    const log: FileSource = { name: TRAINING_LOG, path: join(folders.logs, TRAINING_LOG), order: { kind: "log" } };
    return { files: [log, ibm], eventRoots: everywhere, warnings: [] };
  }
  const named = wish.in === null ? null : resolveIn(wish.in, folders);
  const warnings =
    wish.in !== null && named === null
      ? [`'evaluation_metrics.in' is '${wish.in}', which is in none of the run's folders; the usual places are read.`]
      : [];
  switch (wish.type) {
    case "regex_extractor":
      return { ...patternSources(wish, folders), eventRoots: null };
    case "tensorboard":
    case "tensorboard_extractor":
      return { files: [], eventRoots: named === null ? everywhere : [named], warnings };
    case "emetrics_file":
    case "file":
      return { files: [{ ...ibm, path: named ?? ibm.path }], eventRoots: null, warnings };
    default:
      // `logger` only kept logs; `optivist` was never public.
      return { files: [], eventRoots: null, warnings };
  }
}

function patternSources(
  { groups, lineLookahead }: EvaluationMetrics,
  folders: MetricFolders,
): Omit<MetricSources, "eventRoots"> {
  const usable = groups.flatMap((group): PatternGroup[] =>
    group.regex === null ? [] : [{ ...group, regex: group.regex }],
  );
  const missing = groups.filter(({ regex }) => regex === null).map(({ label }) => label);
  const order: CollectorOrder = { kind: "patterns", groups: usable, lookahead: lineLookahead };
  return {
    files: usable.length === 0 ? [] : PATTERN_LOGS.map((name) => ({ name, path: join(folders.logs, name), order })),
    warnings: missing.map((label) => `The group '${label}' of 'evaluation_metrics' has no pattern; it finds nothing.`),
  };
}
