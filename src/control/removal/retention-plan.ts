import { readdir, lstat } from "node:fs/promises";
import { join } from "node:path";
import type { Run } from "../../domain/run.ts";
import type { RunState } from "../../domain/run-state.ts";
import type { Store } from "../../store/store.ts";
import { decideRetention, type RetentionDecision, type RetentionRules } from "./retention-decision.ts";
import { runDirectory } from "../run/run-directory.ts";

export interface PlannedRun {
  readonly run: Run;
  readonly decision: RetentionDecision;
  /** Of its run directory. */
  readonly sizeBytes: number;
}

/** What the duty would do with each run if its next round were now. */
export interface RetentionPlan {
  /** The time that the duty goes by. */
  readonly asOf: Date;
  /** True while the wall clock is ahead of `asOf`: it was set forward, or the machine was off. */
  readonly isClockDoubted: boolean;
  readonly rules: RetentionRules;
  /** Oldest end first. */
  readonly runs: readonly PlannedRun[];
  /** How many runs have not ended; they all stay. */
  readonly notEnded: number;
  /** True when there are more ended runs than those listed; the others are younger. */
  readonly truncated: boolean;
}

export interface PlanParts {
  readonly home: string;
  readonly store: Store;
  readonly rules: RetentionRules;
  readonly time: { now(): Date; isDoubted(): boolean };
  holdsOnlyCopy(run: Run): Promise<boolean>;
}

const END_OF_TIME = new Date(8.64e15);
const LIVING: readonly RunState[] = ["pending", "downloading", "running", "storing"];

/** Changes nothing. The runs that ended first, at most `limit` of them. */
export async function planRetention(parts: PlanParts, limit: number, signal: AbortSignal): Promise<RetentionPlan> {
  const { home, store, rules, time } = parts;
  const asOf = time.now();
  const ids = await store.listRunsEndedBefore(END_OF_TIME, limit + 1);
  const counts = await store.countRuns();
  const runs: PlannedRun[] = [];
  for (const id of ids.slice(0, limit)) {
    signal.throwIfAborted();
    const run = await store.findRun(id);
    if (run === undefined) continue;
    const decision = decideRetention(run, rules, asOf, await parts.holdsOnlyCopy(run));
    runs.push({ run, decision, sizeBytes: await sizeOfTree(runDirectory(home, id).root, signal) });
  }
  return {
    asOf,
    isClockDoubted: time.isDoubted(),
    rules,
    runs,
    notEnded: LIVING.reduce((sum, state) => sum + counts[state], 0),
    truncated: ids.length > limit,
  };
}

/** What the files take on the disk, which is less than their size where they have holes. 0 where there is nothing. */
async function sizeOfTree(folder: string, signal: AbortSignal): Promise<number> {
  let sizeBytes = 0;
  const folders = [folder];
  for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
    signal.throwIfAborted();
    // Others may remove files meanwhile, or a program left what cannot be read: then it is not counted.
    const entries = await readdir(next, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const path = join(next, entry.name);
      if (entry.isDirectory()) folders.push(path);
      else
        sizeBytes += await lstat(path).then(
          ({ blocks }) => blocks * 512,
          () => 0,
        );
    }
  }
  return sizeBytes;
}
