import { machineTime as realMachineTime, type MachineTime } from "../base/machine-time.ts";
import type { Run } from "../domain/run.ts";
import { PLAIN_RULES } from "./queue/attempt-rules.ts";
import type { Preparation } from "./run/preparing.ts";
import type { RunRemains } from "./run/remains.ts";
import type { Companion } from "./run/companion.ts";
import { dispatch } from "./queue/dispatcher.ts";
import { Delays } from "./run/delays.ts";
import { messageOf } from "./run/failures.ts";
import { tidyUpLate } from "./removal/late-tidying.ts";
import { Lifecycle } from "./life/lifecycle.ts";
import { waitingFor } from "./queue/machine.ts";
import { adopt, resume } from "./life/rescuer.ts";
import { awaitMark, keepForgetting } from "./removal/retention.ts";
import { DAY_MS } from "./removal/retention-decision.ts";
import { pauseLeftMs } from "./queue/retry-decision.ts";
import { ResultsRetries, type RetryParts } from "./results/results-retry.ts";
import { RunBook } from "./run/run-book.ts";
import { RunService, type RunServiceParts } from "./run-service.ts";
import { Scheduler } from "./queue/scheduler.ts";
import type { ServiceLog } from "./run/service-log.ts";
import { timeLimit } from "./life/time-limit.ts";
import type { Definitions } from "./removal/definitions.ts";
import type { Trash } from "./removal/trash.ts";
import { TrustedTime, type TimeMemory } from "./removal/trusted-time.ts";

/** What touches files, buckets and programs is passed in, so that the simulation can drive the rest without any. */
export interface DutyParts extends Omit<
  RunServiceParts,
  "book" | "scheduler" | "lifecycle" | "onDoubt" | "definitions" | "trash" | "retention" | "retries" | "delays"
> {
  readonly log: ServiceLog;
  readonly preparation: Preparation;
  readonly remains: RunRemains;
  readonly companions: readonly Companion[];
  /** More of them, for those that write of the runs they accompany. */
  companionsWith?(book: RunBook): readonly Companion[];
  readonly definitions: RunServiceParts["definitions"] & Pick<Definitions, "sweep">;
  readonly trash: RunServiceParts["trash"] & Pick<Trash, "recover">;
  /** What time limits are measured by; left out: this machine's. */
  readonly machineTime?: MachineTime;
  /** Null keeps ended runs for ever. */
  readonly retentionDays: number | null;
  /** How long a deleted run can be taken back; 0, or left out, removes it at once. */
  readonly deleteUndoMs?: number;
  /** What outlives the process of the time; left out, nothing does. */
  readonly timeMemory?: TimeMemory;
  /** Shared with what brings training data; left out: only the duties tell of delays. */
  readonly delays?: Delays;
  /** How long a bucket may stay away before results are left on the server; left out: an hour. */
  readonly resultsGiveUpMs?: number;
  readonly resultsRetries?: Pick<RetryParts, "retryMemory" | "isKept">;
  /** Whether the run directory has results that no bucket has. Left out: none has. */
  holdsOnlyCopy?(run: Run): Promise<boolean>;
}

export interface Duties {
  readonly runs: RunService;
  readonly book: RunBook;
  readonly scheduler: Scheduler;
  readonly lifecycle: Lifecycle;
  /** Takes over what a server before left and starts the duties. */
  start(): Promise<void>;
  /** Lets go of everything; learners live on. */
  stop(): Promise<void>;
}

/** Ties the duties together: queue, grants, lives of runs, retention, and what can be asked of runs. */
export function createDuties(parts: DutyParts): Duties {
  const { clock, store, log, trash, machineTime = realMachineTime } = parts;
  const ending = new AbortController();
  const delays = parts.delays ?? new Delays(clock);
  const rules = { days: parts.retentionDays, undoMs: parts.deleteUndoMs ?? 0 };
  const time = new TrustedTime(clock, parts.timeMemory, Math.max(rules.undoMs, (rules.days ?? 0) * DAY_MS));
  const book = new RunBook(store, clock, async () => {
    await awaitMark(time.notice(), log);
    return rules.days === null ? null : clock.now();
  });
  /** What goes on beside the runs; the end of the server waits for it. */
  const underWay = new Set<Promise<void>>();
  const supervise = (work: Promise<void>): void => {
    const watched = work
      .catch((error: unknown) => log.error({ error: messageOf(error) }, "a duty failed"))
      .finally(() => underWay.delete(watched));
    underWay.add(watched);
  };
  const scheduler = new Scheduler(parts.machine.devices, (grant) => {
    const carry = (run: Run): void => lifecycle.carry(run);
    const release = (id: string): void => scheduler.release(id);
    supervise(dispatch({ book, clock, log, carry, release }, grant, ending.signal));
  });
  const queue = (run: Run): void => {
    const waiting = waitingFor(run, parts.machine);
    const pauseMs = pauseLeftMs(run, clock.now());
    if (run.notBefore === null || pauseMs === 0) return scheduler.enqueue(waiting);
    scheduler.defer(waiting, run.notBefore);
    const admit = (): void => scheduler.admit(run.id);
    // Aborted: the next server defers it anew.
    return supervise(clock.sleep(pauseMs, ending.signal).then(admit, () => undefined));
  };
  const endProgram = (id: string, graceMs: number): void => lifecycle.endProgram(id, graceMs);
  const lifecycle = new Lifecycle({
    ...parts,
    book,
    delays,
    machineTime,
    companions: [
      timeLimit({ ...parts, book, machineTime, endProgram }),
      ...parts.companions,
      ...(parts.companionsWith?.(book) ?? []),
    ],
    retryDelayMs: (parts.attemptRules ?? PLAIN_RULES).retryDelayMs,
    onDevicesFree: (id) => scheduler.release(id),
    onDevicesWithheld: (id, who) => scheduler.withhold(id, who),
    onWaiting: (run) => {
      queue(run);
      scheduler.schedule();
    },
  });
  const holdsOnlyCopy = async (run: Run): Promise<boolean> => (await parts.holdsOnlyCopy?.(run)) ?? false;
  const retention = { rules, time, holdsOnlyCopy };
  const retries = new ResultsRetries({ ...parts, ...parts.resultsRetries, book, delays });
  const onDoubt = (id: string): void => supervise(adopt({ ...parts, scheduler, queue }, id, ending.signal));
  const runs = new RunService({ ...parts, book, scheduler, lifecycle, onDoubt, retention, retries, delays });

  return {
    runs,
    book,
    scheduler,
    lifecycle,
    start: async () => {
      await time.recall();
      await resume({ store, scheduler, lifecycle, trash, log, queue });
      const remove = async (run: Run): Promise<void> => runs.forget(run);
      supervise(keepForgetting({ ...retention, store, clock, log, remove }, ending.signal));
      await retries.start();
      supervise(parts.definitions.sweep(ending.signal));
      supervise(tidyUpLate(parts, ending.signal));
    },
    stop: async () => {
      ending.abort(new Error("The server is ending."));
      await Promise.all([lifecycle.close(), retries.close()]);
      await Promise.all(underWay);
    },
  };
}
