import { join } from "node:path";
import { rm } from "../../base/world-files.ts";
import type { Run, RunOutcome } from "../../domain/run.ts";
import type { Credentials } from "../../domain/training-spec.ts";
import { readTail } from "../../logs/served-log.ts";
import type { RunRemains } from "../run/remains.ts";
import { findLeftBehind, type LeftBehindParts } from "./left-behind.ts";
import { setAsideLogs } from "../run/past-logs.ts";
import { explainMissingLog, keepResults, listUntidied, tidyUp, type KeeperParts } from "./result-keeper.ts";
import { learnerDirectory, runDirectory, TRAINING_LOG } from "../run/run-directory.ts";
import { logCopyIn } from "./results-sync.ts";
import type { SecretMasks } from "../logs/secret-masks.ts";

const LOG_TAIL_LINES = 20;
const LOG_TAIL_BYTES = 16 * 1024;

export interface RemainsParts extends KeeperParts, LeftBehindParts {
  readonly masks: SecretMasks;
  openCredentials(runId: string): Promise<Credentials>;
}

/** The remains of runs in their directories under the home and in their results buckets. */
export function runRemains(parts: RemainsParts): RunRemains {
  const directoryOf = (run: Run) => runDirectory(parts.home, run.id);
  return {
    logTail: async (run, learner) => {
      const path = join(learnerDirectory(directoryOf(run), learner), TRAINING_LOG);
      // How the run ended does not depend on its log; lines that cannot be masked are not shown.
      const mask = await parts.masks.of(run.id).catch(() => null);
      return mask === null ? [] : readTail({ path, mask, isComplete: true }, LOG_TAIL_LINES, LOG_TAIL_BYTES);
    },
    keep: async (run: Run, outcome: RunOutcome, wasCutOff, signal) => {
      // A run that was stopped between two attempts has those of the first where the second would write.
      await setAsideLogs(directoryOf(run), run);
      if (outcome.state === "failed" && run.startedAt === null) {
        await explainMissingLog(directoryOf(run), outcome.failure.message);
      }
      return keepResults(parts, run, await parts.openCredentials(run.id), wasCutOff, signal);
    },
    findLeftBehind: async (run) => findLeftBehind(parts, directoryOf(run), run),
    tidyUp: async (run, areResultsStored, leftBehind) => {
      if (run.spec.resultsSyncMs !== null) await rm(logCopyIn(directoryOf(run)), { force: true });
      await tidyUp(directoryOf(run), areResultsStored, leftBehind);
    },
    listUntidied: () => listUntidied(parts.home),
    resultsFolder: (run) => directoryOf(run).results,
    setAsideLogs: async (run) => setAsideLogs(directoryOf(run), run),
  };
}
