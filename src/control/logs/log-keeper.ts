import { join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import { amend, type Run } from "../../domain/run.ts";
import { finishLog } from "../../logs/finish-log.ts";
import { watchLog } from "../../logs/log-file.ts";
import { LogLimit, type LogLook } from "../../logs/log-limit.ts";
import type { Companion } from "../run/companion.ts";
import { messageOf } from "../run/failures.ts";
import { learnerFolderOf } from "../run/past-logs.ts";
import type { RunBook } from "../run/run-book.ts";
import { LOAD_DATA_LOG, LOAD_MODEL_LOG, learnersOf, runDirectory, TRAINING_LOG } from "../run/run-directory.ts";
import type { SecretMasks } from "./secret-masks.ts";
import type { ServiceLog } from "../run/service-log.ts";

/** How long a log is left alone that does not grow, and how short the pause is while it is flooded. */
const LONGEST_PAUSE_MS = 1000;
const SHORTEST_PAUSE_MS = 20;

const LOGS = [TRAINING_LOG, LOAD_DATA_LOG, LOAD_MODEL_LOG];

export interface LogKeeperParts {
  readonly home: string;
  readonly clock: Clock;
  readonly log: ServiceLog;
  readonly masks: SecretMasks;
  /** How much of each learner's log is kept; null is all. Left out: all. */
  readonly logMaxBytes?: number | null;
}

/**
 * Looks after the logs of a run: keeps each within its limit while the program writes it, and before it is stored takes out
 * of it what must not leave. The program is never held up, since nobody stands between it and its file.
 */
export function logKeeper(parts: LogKeeperParts, book: RunBook): Companion {
  const { home, clock, log, masks, logMaxBytes = null } = parts;
  return {
    name: "logs",
    async accompany(run, over) {
      const paths = learnersOf(run).map((learner) => {
        const folder = learnerFolderOf(runDirectory(home, run.id), run, run.attempt, learner);
        return join(folder, TRAINING_LOG);
      });
      const keepers = paths.map((path) => new LogLimit(path, logMaxBytes));
      let changed = Promise.withResolvers<void>();
      using watches = new DisposableStack();
      for (const path of paths) watches.use(watchLog(path, () => changed.resolve()));
      over.addEventListener("abort", () => changed.resolve(), { once: true });
      const pace = new Pace(logMaxBytes);
      for (let pauseMs = LONGEST_PAUSE_MS; ;) {
        await clock.sleep(pauseMs, over).catch(() => undefined);
        if (over.aborted) return;
        changed = Promise.withResolvers();
        const looks = await Promise.all(
          keepers.map(async (keeper) =>
            keeper.look().catch((error: unknown) => {
              // Looked at again, whether it grows or not.
              changed.resolve();
              return nothingSeen(error);
            }),
          ),
        );
        for (const look of looks) await tell(book, run, look).catch(nothingTold);
        pauseMs = pace.next(looks, clock.monotonicMs());
        // Of hundreds of runs most say nothing for minutes, and then cost nothing.
        if (!over.aborted) await changed.promise;
      }
    },
    async conclude(run, signal) {
      const mask = await masks.of(run.id);
      for (const attempt of Array.from({ length: run.attempt }, (_, index) => index + 1)) {
        for (const learner of learnersOf(run)) {
          signal.throwIfAborted();
          const folder = learnerFolderOf(runDirectory(home, run.id), run, attempt, learner);
          for (const name of LOGS) await finishLog(join(folder, name), mask);
        }
      }
      return [];
    },
  };

  /** A warning less, as on a full disk; the log has to be kept within its limit all the same. */
  function nothingTold(error: unknown): void {
    log.warn({ error: messageOf(error) }, "a run could not be told of its log");
  }

  function nothingSeen(error: unknown): LogLook {
    log.warn({ error: messageOf(error) }, "a log could not be looked at");
    return { sizeBytes: 0, keptBytes: 0, emptiedBytes: 0, trouble: null };
  }
}

/** How long it takes, at the pace of the last look, until half of what a log may still grow is written. */
class Pace {
  readonly #maxBytes: number | null;
  #before: { readonly sizes: readonly number[]; readonly atMs: number } | null = null;

  constructor(maxBytes: number | null) {
    this.#maxBytes = maxBytes;
  }

  next(looks: readonly LogLook[], nowMs: number): number {
    const before = this.#before;
    this.#before = { sizes: looks.map(({ sizeBytes }) => sizeBytes), atMs: nowMs };
    const maxBytes = this.#maxBytes;
    if (before === null || maxBytes === null || looks.some(({ trouble }) => trouble !== null)) return LONGEST_PAUSE_MS;
    const elapsedMs = Math.max(1, nowMs - before.atMs);
    const pauses = looks.map(({ sizeBytes, keptBytes }, index) => {
      const perMs = Math.max(0, sizeBytes - (before.sizes[index] ?? 0)) / elapsedMs;
      return perMs === 0 ? LONGEST_PAUSE_MS : Math.max(0, maxBytes - keptBytes) / perMs / 2;
    });
    return Math.min(LONGEST_PAUSE_MS, Math.max(SHORTEST_PAUSE_MS, Math.min(...pauses)));
  }
}

async function tell(book: RunBook, run: Run, { emptiedBytes, trouble }: LogLook): Promise<void> {
  if (emptiedBytes > 0) {
    const beginning = "The program emptied its own log";
    const how =
      "which happens when it opens /dev/stdout or /dev/stderr for writing; appending (>> /dev/stderr) or >&2 keeps it";
    await warnOnce(book, run, beginning, `${beginning}, and about ${emptiedBytes} bytes of it are lost: ${how}.`);
  }
  if (trouble !== null) {
    const beginning = "The log has grown beyond logs.max_bytes";
    await warnOnce(book, run, beginning, `${beginning}, and its middle cannot be dropped here: ${trouble}.`);
  }
}

/** One warning for each `beginning`, whatever a server before this one has said. */
async function warnOnce(book: RunBook, { id }: Run, beginning: string, warning: string): Promise<void> {
  await book.update(id, (run, now) => {
    if (run.warnings.some((each) => each.startsWith(beginning))) return { run: amend(run, now, {}), events: [] };
    const warnings = [...run.warnings, warning];
    return { run: amend(run, now, { warnings }), events: [{ type: "warning", message: warning }] };
  });
}
