import { join } from "node:path";
import type { Run } from "../../domain/run.ts";

/** The parts of one run's directory, `home/runs/ID/`. Made from ids of our own only, never from a user's string. */
export interface RunDirectory {
  readonly root: string;
  /** Unzipped model definition: working directory and MODEL_DIR. */
  readonly code: string;
  /** DATA_DIR */
  readonly data: string;
  /** What the view of the data needs to keep the run's changes apart. */
  readonly dataChanges: string;
  /** RESULT_DIR */
  readonly results: string;
  /** CHECKPOINT_DIR */
  readonly checkpoints: string;
  /** JOB_STATE_DIR */
  readonly state: string;
  /** HOME of the program, so that `~/.keras` and the like are the run's own. */
  readonly userHome: string;
  /** TMPDIR of the program. */
  readonly temporary: string;
}

export function runDirectory(home: string, id: string): RunDirectory {
  const root = join(home, "runs", id);
  return {
    root,
    code: join(root, "code"),
    data: join(root, "data"),
    dataChanges: join(root, "data.changes"),
    results: join(root, "results"),
    checkpoints: join(root, "checkpoints"),
    state: join(root, "state"),
    userHome: join(root, "home"),
    temporary: join(root, "tmp"),
  };
}

/** LOG_DIR of a learner (from 1): its logs and the engine's records. */
export function learnerDirectory(directory: RunDirectory, learner: number): string {
  return join(directory.root, `learner-${learner}`);
}

/** The numbers of a run's learners, from 1. */
export function learnersOf(run: Run): readonly number[] {
  return Array.from({ length: run.spec.learners }, (_, index) => index + 1);
}

/** Exists once everything the attempt needs is in place; from then on a restarted server must not touch code or data. */
export function stagedMarker(directory: RunDirectory, attempt: number): string {
  return join(directory.root, `attempt-${attempt}.staged`);
}

/** In the results bucket: of all runs that share their checkpoints. The same name in a run's own folder holds its own. */
export const CHECKPOINT_FOLDER = "_wml_checkpoints";

export const TRAINING_LOG = "training-log.txt";
export const LOAD_DATA_LOG = "load-data.log";
export const LOAD_MODEL_LOG = "load-model.log";
