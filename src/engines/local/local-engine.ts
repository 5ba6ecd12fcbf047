import type { Clock } from "../../base/clock.ts";
import { EngineError } from "../engine-error.ts";
import type { Ending, Engine, Handle, LearnerTask, Observation } from "../engine.ts";
import type { ResourceMeter, ResourceUsage } from "../resource-meter.ts";
import { askNvidiaDriver, awaitRelease, type DeviceUse } from "./device-use.ts";
import { usageOfLearner } from "./learner-usage.ts";
import { fromHandle, gpusOf, type LearnerHandle, learnerKey, toHandle } from "./learner-handle.ts";
import { LearnerProcesses } from "./learner-processes.ts";
import { readBootId } from "./proc.ts";
import { becomeShim, PreparedShells } from "./prepared-shells.ts";
import { NO_TRACKER, type ProcessTracker } from "./process-tracker.ts";
import { type Claim, readEnd, recordPrefix, writeMemoryRecord } from "./records.ts";
import { ShimLiveness } from "./shim-liveness.ts";
import { findClaim, type StartedShim, startShim } from "./start.ts";
import { askToEnd, isShimAlive, removeWhenEmpty, sweep } from "./termination.ts";
import { closeTrainingLog } from "./training-log.ts";
import { watchLearner } from "./watch-learner.ts";

export interface LocalEngineOptions {
  readonly clock: Clock;
  /** Which start of the machine this is; from the kernel when left out. */
  readonly bootId?: string;
  /** What keeps the processes of a learner together (`chooseTracker`); nothing of the kernel's when left out. */
  readonly tracker?: ProcessTracker;
  /** Who uses which GPU; the driver says it when left out. */
  readonly deviceUse?: DeviceUse;
}

/** Runs learners as processes of this machine. Needs Linux, since it knows processes by /proc. */
export function createLocalEngine(options: LocalEngineOptions): Engine & ResourceMeter {
  if (process.platform !== "linux") {
    throw new EngineError(
      `The local engine needs Linux and this machine runs ${process.platform}. Run the server on a Linux machine, or in a Linux container.`,
      { retryable: false },
    );
  }
  return new LocalEngine(options);
}

/** The way of one learner to nothing-left. Whoever comes while it is under way waits for the same `done`. */
interface Departure {
  /** Until when the processes may end by themselves. Later calls move it only forward. */
  deadlineMs: number;
  /** Gives the recorded end. */
  readonly done: Promise<Ending | null>;
}

class LocalEngine implements Engine, ResourceMeter {
  readonly name = "local";
  readonly #clock: Clock;
  readonly #bootId: string;
  readonly #tracker: ProcessTracker;
  readonly #deviceUse: DeviceUse;
  readonly #shells: PreparedShells;
  readonly #liveness: ShimLiveness;
  /** The shims that this process has started and that have not been swept up: their end comes as an event. */
  readonly #children = new Map<string, StartedShim>();
  readonly #departures = new Map<string, Departure>();
  readonly #closing = new AbortController();

  constructor(options: LocalEngineOptions) {
    this.#clock = options.clock;
    this.#bootId = options.bootId ?? readBootId();
    this.#tracker = options.tracker ?? NO_TRACKER;
    this.#deviceUse = options.deviceUse ?? askNvidiaDriver();
    this.#shells = new PreparedShells(this.#tracker, this.#clock);
    this.#liveness = new ShimLiveness(this.#clock);
    // For the first run after the start of a server, too.
    this.#shells.expectNext();
  }

  async start(task: LearnerTask, signal: AbortSignal): Promise<Handle> {
    signal.throwIfAborted();
    const held = await this.find(task.directory, task.attempt);
    if (held !== undefined) return held;
    const { shim, claim } = (await this.#startPrepared(task)) ?? (await this.#startAnew(task));
    if (claim === null) {
      throw new EngineError(
        `Learner ${task.learner} of ${task.runId} was not started: its records cannot be written in ${task.directory}. Is the disk full?`,
        { retryable: true },
      );
    }
    if (claim.pid === shim.pid) this.#children.set(learnerKey(task), shim);
    return handleOf(task, claim);
  }

  /** Null when no shell stood by, or it did not become the shim; the other way then tells why not. */
  async #startPrepared(task: LearnerTask) {
    const shell = this.#shells.take();
    this.#shells.expectNext();
    if (shell === null) return null;
    const shim = await becomeShim(shell, task, this.#clock);
    const claim = await findClaim(task.directory, task.attempt, this.#clock);
    if (claim?.pid !== shim.pid) await removeWhenEmpty(shell.enclosure, this.#clock);
    return claim === null ? null : { shim, claim };
  }

  async #startAnew(task: LearnerTask) {
    const enclosure = await this.#tracker.create(enclosureName(task));
    const shim = await startShim(task, enclosure, this.#clock);
    const claim = await findClaim(task.directory, task.attempt, this.#clock);
    // One that another shim holds is not empty, unless that has ended already; then it is removed for it.
    if (claim?.pid !== shim.pid) await enclosure?.remove();
    return { shim, claim };
  }

  async find(directory: string, attempt: number): Promise<Handle | undefined> {
    const claim = await findClaim(directory, attempt, this.#clock);
    return claim === null ? undefined : handleOf({ directory, attempt }, claim);
  }

  async observe(handle: Handle): Promise<Observation> {
    const learner = fromHandle(handle);
    const ended = this.#readEnding(learner);
    if (ended !== null) return ended;
    if (learner.bootId !== this.#bootId) {
      return { status: "lost", reason: "the machine was restarted while it ran" };
    }
    if (isShimAlive(learner)) return { status: "running" };
    // The shim may have written its record and ended between the first look at the record and the look at the process.
    return this.#readEnding(learner) ?? { status: "lost", reason: "it left no record of its end" };
  }

  async waitForEnd(handle: Handle, signal: AbortSignal): Promise<Ending> {
    const learner = fromHandle(handle);
    const either = AbortSignal.any([signal, this.#closing.signal]);
    either.throwIfAborted();
    using watch = watchLearner(learner, this.#children.get(learnerKey(learner)), this.#liveness, either);
    for (;;) {
      const observed = await this.observe(handle);
      if (observed.status !== "running") {
        // Whether memory ran out is known only after the departure.
        return (await this.#depart(learner)) ?? observed;
      }
      await watch.changed();
    }
  }

  async stop(handle: Handle, graceMs: number): Promise<void> {
    await this.#depart(fromHandle(handle), graceMs);
  }

  trackingOf(handle: Handle): string {
    return this.#tracker.open(fromHandle(handle).enclosure)?.means ?? NO_TRACKER.name;
  }

  async usageOf(handle: Handle): Promise<ResourceUsage | null> {
    const learner = fromHandle(handle);
    if (learner.bootId !== this.#bootId || !isShimAlive(learner)) return null;
    return usageOfLearner(learner, this.#tracker);
  }

  async close(): Promise<void> {
    this.#closing.abort(new EngineError("The engine is closed; its learners live on.", { retryable: true }));
    await this.#shells.close();
    await this.#tracker.tidyUp();
  }

  /**
   * Ends what is left of a learner, politely for `graceMs`, and closes its log. Without `graceMs` the learner has ended, and
   * only what it left behind is killed, unless a stop under way still gives that time.
   */
  async #depart(learner: LearnerHandle, graceMs?: number): Promise<Ending | null> {
    const key = learnerKey(learner);
    const deadlineMs = this.#clock.monotonicMs() + (graceMs ?? 0);
    let departure = this.#departures.get(key);
    if (departure === undefined) {
      const done = Promise.resolve().then(() => this.#departNow(learner, () => departure?.deadlineMs ?? deadlineMs));
      departure = { deadlineMs, done: done.finally(() => this.#departures.delete(key)) };
      this.#departures.set(key, departure);
    } else if (graceMs !== undefined) {
      departure.deadlineMs = Math.min(departure.deadlineMs, deadlineMs);
    }
    return departure.done;
  }

  async #departNow(learner: LearnerHandle, deadlineMs: () => number): Promise<Ending | null> {
    // After a restart of the machine nothing of it can be left, and its numbers mean other processes.
    const ranOutOfMemory = learner.bootId === this.#bootId && (await this.#clear(learner, deadlineMs));
    const recorded = this.#readEnding(learner);
    const end =
      recorded?.status === "exited" && recorded.exitCode !== 0 && ranOutOfMemory
        ? { ...recorded, outOfMemory: true }
        : recorded;
    if (end?.status === "exited") await closeTrainingLog(learner.directory, end.exitCode, end.endedAt);
    return end;
  }

  /** Its processes end, its GPUs get free, its enclosure goes; in this order, so that a server that takes over can do the rest. Tells whether memory ran out. */
  async #clear(learner: LearnerHandle, deadlineMs: () => number): Promise<boolean> {
    const key = learnerKey(learner);
    const enclosure = this.#tracker.open(learner.enclosure);
    const processes = new LearnerProcesses(learner, enclosure, this.#children.get(key)?.hasJustEnded() ?? false);
    await askToEnd(learner, processes, deadlineMs, this.#clock, this.#closing.signal);
    await sweep(learner, processes, enclosure, this.#clock);
    this.#children.delete(key);
    await awaitRelease(gpusOf(learner), learner.startTime, this.#deviceUse, this.#clock);
    if (enclosure === null) return false;
    const ranOutOfMemory = enclosure.outOfMemoryKills() > 0;
    if (ranOutOfMemory) await writeMemoryRecord(key);
    await removeWhenEmpty(enclosure, this.#clock);
    return ranOutOfMemory;
  }

  #readEnding(learner: LearnerHandle): Ending | null {
    const end = readEnd(recordPrefix(learner.directory, learner.attempt));
    return end === null ? null : { status: "exited", signal: null, ...end };
  }
}

/** Made of words of ours alone, and another one for each attempt. */
function enclosureName({ runId, learner, attempt }: LearnerTask): string {
  return `${runId}.${learner}.${attempt}`;
}

function handleOf({ directory, attempt }: Pick<LearnerTask, "directory" | "attempt">, claim: Claim): Handle {
  return toHandle({ directory, attempt, ...claim });
}
