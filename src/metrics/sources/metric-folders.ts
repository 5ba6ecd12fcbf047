import { join } from "node:path";

/** The folders of one learner in which metrics may lie, as its program knows them. Made from ids of our own. */
export interface MetricFolders {
  /** LOG_DIR, where the training log is */
  readonly logs: string;
  /** JOB_STATE_DIR */
  readonly state: string;
  /** RESULT_DIR */
  readonly results: string;
  /** MODEL_DIR, the program's working folder */
  readonly code: string;
}

const VARIABLES: Readonly<Record<string, keyof MetricFolders>> = {
  LOG_DIR: "logs",
  JOB_STATE_DIR: "state",
  RESULT_DIR: "results",
  MODEL_DIR: "code",
};

/**
 * The place that a manifest names as `$JOB_STATE_DIR/logs/tb`: one of the run's own folders and plain names below it.
 * Null for everything else: what a user writes never leads out of the run's directory.
 */
export function resolveIn(text: string, folders: MetricFolders): string | null {
  const [, variable = "", rest = ""] = /^\$\{?([A-Z_]+)\}?((?:\/[^/]*)*)$/u.exec(text.trim()) ?? [];
  const root = Object.hasOwn(VARIABLES, variable) ? folders[VARIABLES[variable] as keyof MetricFolders] : null;
  const names = rest.split("/").filter((name) => name !== "" && name !== ".");
  if (root === null || names.some((name) => name === ".." || name.includes("\0"))) return null;
  return join(root, ...names);
}
