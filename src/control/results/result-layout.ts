import { join } from "node:path";
import type { Run } from "../../domain/run.ts";
import { ATTEMPTS_FOLDER } from "../run/past-logs.ts";
import {
  CHECKPOINT_FOLDER,
  learnerDirectory,
  learnersOf,
  TRAINING_LOG,
  type RunDirectory,
} from "../run/run-directory.ts";

/** The last object of a run's folder: whoever sees it knows that all others are there and verified. */
export const MARKER = ".log-copy-complete";

/** Where files of RESULT_DIR go whose names the service itself needs. */
export const SIDE_FOLDER = "_result_dir";
const RESERVED =
  /^(?:(?:learner-\d+|_submitted_code|_wml_checkpoints|_result_dir)(?:\/|$)|attempts\/\d+\/learner-\d+(?:\/|$))/;

/** What is the service's own in a folder of logs: the engine's records, and a marker that a program made in its name. */
const OURS = /^(?:attempt-\d+\.|\.training-log\.|\.log-copy-complete$)/;

/** A folder of the run directory and where its files go. */
export interface ResultFolder {
  readonly path: string;
  readonly prefix: string;
  /** Whether its files only grow while the program runs. */
  readonly holdsLogs: boolean;
  /** The key under the prefix; null for what is not stored. */
  readonly keyOf: (path: string) => string | null;
}

/** What of a run directory goes to the results bucket, and under which keys. `stepAside` is told of names that had to. */
export function resultFolders(
  directory: RunDirectory,
  run: Run,
  stepAside: (name: string) => void,
): readonly ResultFolder[] {
  const own = run.spec.checkpoints === "run" ? `${run.id}/` : "";
  return [
    { path: directory.results, prefix: `${run.id}/`, holdsLogs: false, keyOf: (path) => resultKey(path, stepAside) },
    { path: directory.checkpoints, prefix: `${own}${CHECKPOINT_FOLDER}/`, holdsLogs: false, keyOf: (path) => path },
    // N/learner-K/..., as the attempt had them.
    {
      path: join(directory.root, ATTEMPTS_FOLDER),
      prefix: `${run.id}/${ATTEMPTS_FOLDER}/`,
      holdsLogs: false,
      keyOf: (path) => logKey(path, path.split("/").slice(2).join("/")),
    },
    ...learnersOf(run).map((learner) => ({
      path: learnerDirectory(directory, learner),
      prefix: `${run.id}/learner-${learner}/`,
      holdsLogs: true,
      keyOf: (path: string) => logKey(path, path),
    })),
  ];
}

/** Files of the program keep their names; only those that would hide the service's own objects step aside. */
function resultKey(path: string, stepAside: (name: string) => void): string {
  if (path !== TRAINING_LOG && !RESERVED.test(path)) return path;
  stepAside(path.split("/", 1)[0] ?? path);
  return `${SIDE_FOLDER}/${path}`;
}

function logKey(path: string, name: string): string | null {
  return OURS.test(name) ? null : path;
}
