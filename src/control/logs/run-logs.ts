import { join } from "node:path";
import { requestInvalid } from "../../domain/errors.ts";
import { isTerminal } from "../../domain/run-state.ts";
import type { Run } from "../../domain/run.ts";
import { waitForGrowth } from "../../logs/log-file.ts";
import type { LogFacts } from "../../logs/log-hub.ts";
import { learnerFolderOf } from "../run/past-logs.ts";
import type { RunBook } from "../run/run-book.ts";
import { runDirectory, TRAINING_LOG } from "../run/run-directory.ts";
import type { SecretMasks } from "./secret-masks.ts";

export interface RunLogParts {
  readonly home: string;
  readonly book: Pick<RunBook, "get" | "waitForChange">;
  readonly masks: Pick<SecretMasks, "of">;
}

/** Where the logs of runs are, and when they go on. */
export class RunLogs {
  readonly #parts: RunLogParts;

  constructor(parts: RunLogParts) {
    this.#parts = parts;
  }

  /** The training log of one learner in an attempt, or in the present one. `isComplete` says that no byte will follow. */
  async logFile(id: string, learner: number, attempt?: number): Promise<LogFacts> {
    const run = await this.#parts.book.get(id);
    const { learners } = run.spec;
    if (learner > learners) {
      throw requestInvalid(
        `Run '${id}' has no learner ${learner}.`,
        `Its learners are numbered from 1 to ${learners}.`,
      );
    }
    const number = attempt ?? run.attempt;
    if (number > run.attempt) {
      throw requestInvalid(`Run '${id}' has no attempt ${number}.`, `It is at attempt ${run.attempt}.`);
    }
    const path = join(learnerFolderOf(runDirectory(this.#parts.home, id), run, number, learner), TRAINING_LOG);
    const isComplete = isLogComplete(run) || number < run.attempt;
    return {
      path,
      mask: await this.#parts.masks.of(id),
      isComplete,
      presentAttempt: run.attempt,
      version: run.version,
    };
  }

  /** Resolves when the log is longer than `fromByte` or complete, whichever comes first. */
  async waitForLog(
    id: string,
    learner: number,
    fromByte: number,
    signal: AbortSignal,
    attempt?: number,
  ): Promise<void> {
    const done = new AbortController();
    const either = AbortSignal.any([signal, done.signal]);
    try {
      // Before it runs there is neither log nor folder to watch; the run itself tells when there is.
      const number = attempt ?? (await this.#parts.book.get(id)).attempt;
      const isOver = (run: Run): boolean => isLogComplete(run) || run.attempt > number;
      const hasBegun = (run: Run): boolean => isOver(run) || run.state === "running" || run.state === "storing";
      if (isOver(await this.#waitForState(id, hasBegun, either))) return;
      const { path } = await this.logFile(id, learner, number);
      await Promise.race([waitForGrowth(path, fromByte, either), this.#waitForState(id, isOver, either)]);
    } finally {
      done.abort();
    }
  }

  async #waitForState(id: string, isThere: (run: Run) => boolean, signal: AbortSignal): Promise<Run> {
    let run = await this.#parts.book.get(id);
    while (!isThere(run)) run = await this.#parts.book.waitForChange(id, run.version, signal);
    return run;
  }
}

/** The program writes only while it runs, and the service's own lines come before `storing` ends. */
function isLogComplete(run: Run): boolean {
  return isTerminal(run.state);
}
