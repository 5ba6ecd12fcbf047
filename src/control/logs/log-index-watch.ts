import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import type { Run } from "../../domain/run.ts";
import type { LogIndexes } from "../../logs/log-indexes.ts";
import { watchLog } from "../../logs/log-file.ts";
import type { Companion } from "../run/companion.ts";
import { messageOf } from "../run/failures.ts";
import { learnerFolderOf } from "../run/past-logs.ts";
import { learnersOf, runDirectory, TRAINING_LOG } from "../run/run-directory.ts";
import type { SecretMasks } from "./secret-masks.ts";
import type { ServiceLog } from "../run/service-log.ts";

/** A program that writes all the time has its index brought up to date so often. */
const PAUSE_MS = 1000;
/** What a program wrote in so short a time before somebody looked was seen as it came. */
const FRESH_MS = 10_000;

/**
 * Where the index of a learner's log is: the beginning of the names of its files. Not beside the log, where the program
 * could write it; and under the attempt's number, so that it stays where it is when the logs are set aside.
 */
export function logIndexBase(home: string, runId: string, attempt: number, learner: number): string {
  return join(runDirectory(home, runId).root, "log-index", `${attempt}-${learner}`);
}

export interface LogIndexParts {
  readonly home: string;
  readonly clock: Clock;
  readonly log: ServiceLog;
  readonly masks: Pick<SecretMasks, "of">;
  readonly logIndexes: LogIndexes;
}

/** Keeps the indexes of a run's logs up to date while its program writes them; that is when it is known when bytes came. */
export function logIndexWatch(parts: LogIndexParts): Companion {
  const { home, clock, log, masks, logIndexes } = parts;

  async function bringUp(run: Run, learner: number): Promise<void> {
    const now = clock.now();
    const isFresh = run.startedAt !== null && now.getTime() - run.startedAt.getTime() < FRESH_MS;
    const folder = learnerFolderOf(runDirectory(home, run.id), run, run.attempt, learner);
    const place = {
      path: join(folder, TRAINING_LOG),
      mask: await masks.of(run.id),
      isComplete: false,
      base: logIndexBase(home, run.id, run.attempt, learner),
    };
    await logIndexes.use(place, now, isFresh, async () => undefined);
  }

  /** An index that cannot be written is no trouble of the run: it is made when somebody asks for it. */
  async function tryToBringUp(run: Run, learner: number): Promise<void> {
    await bringUp(run, learner).catch((error: unknown) => {
      log.warn(
        { runId: run.id, learner, error: messageOf(error) },
        "the index of a log could not be brought up to date",
      );
    });
  }

  async function watch(run: Run, learner: number, over: AbortSignal): Promise<void> {
    using _kept = logIndexes.keep(logIndexBase(home, run.id, run.attempt, learner));
    const folder = learnerFolderOf(runDirectory(home, run.id), run, run.attempt, learner);
    let changed = Promise.withResolvers<void>();
    using _watching = watchLog(join(folder, TRAINING_LOG), () => changed.resolve());
    over.addEventListener("abort", () => changed.resolve(), { once: true });
    for (;;) {
      // First of all: a run that is over sooner needs no index until somebody asks for one.
      await clock.sleep(PAUSE_MS, over).catch(() => undefined);
      if (over.aborted) return;
      changed = Promise.withResolvers();
      await tryToBringUp(run, learner);
      if (!over.aborted) await changed.promise;
    }
  }

  return {
    name: "indexes of the logs",
    accompany: async (run, over) => {
      await Promise.all(learnersOf(run).map(async (learner) => watch(run, learner, over)));
    },
    conclude: async (run, signal) => {
      for (const learner of learnersOf(run)) {
        signal.throwIfAborted();
        const isBegun = existsSync(`${logIndexBase(home, run.id, run.attempt, learner)}.entries`);
        if (isBegun) await tryToBringUp(run, learner);
      }
      return [];
    },
  };
}
