import { join } from "node:path";
import { appendFile } from "../../base/world-files.ts";
import type { Clock } from "../../base/clock.ts";
import { EngineError } from "../engine-error.ts";
import type { Ending, Engine, Handle, LearnerTask, Observation } from "../engine.ts";

/** What a learner does once it is started. */
export type Script =
  /** Ends by itself; after `after`, where that is given. */
  | { readonly kind: "exits"; readonly exitCode: number; readonly after?: Promise<void> }
  /** Runs until it is stopped, and then ends at once or only with the end of the grace. */
  | { readonly kind: "runs"; readonly onStop: "ends" | "ignores" }
  /** Is gone without a record; after `after`, where that is given. */
  | { readonly kind: "vanishes"; readonly after?: Promise<void> }
  | { readonly kind: "cannot_start"; readonly error: EngineError };

interface ScriptedLearner {
  readonly script: Script;
  readonly end: PromiseWithResolvers<Ending>;
  ending: Ending | null;
}

/**
 * The place where scripted learners live, for tests of what stands above the engines. It stays when an engine object is
 * closed and another one connected, as processes stay when the server is restarted.
 */
export class ScriptedWorld {
  /** Every execution of a program, in order: never more than one for an attempt. */
  readonly executions: LearnerTask[] = [];
  readonly clock: Clock;
  readonly #scriptOf: (task: LearnerTask) => Script;
  readonly #learners = new Map<string, ScriptedLearner>();

  constructor(clock: Clock, scriptOf: (task: LearnerTask) => Script) {
    this.clock = clock;
    this.#scriptOf = scriptOf;
  }

  connect(): Engine {
    return new ScriptedEngine(this);
  }

  execute(task: LearnerTask): void {
    const key = keyOf(task);
    if (this.#learners.has(key)) return;
    const script = this.#scriptOf(task);
    if (script.kind === "cannot_start") throw script.error;
    this.executions.push(task);
    this.#learners.set(key, { script, end: Promise.withResolvers(), ending: null });
    if (script.kind === "exits") void this.#endAfter(key, script.after, exited(script.exitCode, this.clock));
    if (script.kind === "vanishes")
      void this.#endAfter(key, script.after, () => ({ status: "lost", reason: "it was scripted to vanish" }));
  }

  find(key: string): ScriptedLearner | undefined {
    return this.#learners.get(key);
  }

  /** Directory and attempt of every learner that has not ended. */
  living(): readonly string[] {
    return [...this.#learners].filter(([, { ending }]) => ending === null).map(([key]) => key);
  }

  end(key: string, ending: () => Ending): void {
    const learner = this.#learners.get(key);
    if (learner === undefined || learner.ending !== null) return;
    learner.ending = ending();
    learner.end.resolve(learner.ending);
  }

  async #endAfter(key: string, after: Promise<void> | undefined, ending: () => Ending): Promise<void> {
    await after;
    this.end(key, ending);
  }
}

class ScriptedEngine implements Engine {
  readonly name = "scripted";
  readonly #world: ScriptedWorld;
  readonly #closing = new AbortController();

  constructor(world: ScriptedWorld) {
    this.#world = world;
  }

  async start(task: LearnerTask, signal: AbortSignal): Promise<Handle> {
    signal.throwIfAborted();
    const isNew = this.#world.find(keyOf(task)) === undefined;
    this.#world.execute(task);
    if (isNew) await appendFile(join(task.directory, "training-log.txt"), task.banner);
    return { directory: task.directory, attempt: task.attempt };
  }

  async find(directory: string, attempt: number): Promise<Handle | undefined> {
    return this.#world.find(keyOf({ directory, attempt })) === undefined ? undefined : { directory, attempt };
  }

  async observe(handle: Handle): Promise<Observation> {
    return this.#learner(handle).ending ?? { status: "running" };
  }

  async waitForEnd(handle: Handle, signal: AbortSignal): Promise<Ending> {
    const either = AbortSignal.any([signal, this.#closing.signal]);
    const learner = this.#learner(handle);
    const aborted = Promise.withResolvers<void>();
    either.throwIfAborted();
    either.addEventListener("abort", () => aborted.resolve(), { once: true });
    const ending = await Promise.race([learner.end.promise, aborted.promise]);
    if (ending !== undefined) return ending;
    throw either.reason;
  }

  trackingOf(): string {
    return "scripted";
  }

  async stop(handle: Handle, graceMs: number): Promise<void> {
    const { script } = this.#learner(handle);
    const insists = script.kind === "runs" && script.onStop === "ignores";
    if (insists) await this.#world.clock.sleep(graceMs, this.#closing.signal);
    this.#world.end(keyOf(handle), exited(insists ? 137 : 143, this.#world.clock));
  }

  async close(): Promise<void> {
    this.#closing.abort(new EngineError("The engine is closed; its learners live on.", { retryable: true }));
  }

  #learner(handle: Handle): ScriptedLearner {
    const learner = this.#world.find(keyOf(handle));
    if (learner !== undefined) return learner;
    throw new EngineError(`The scripted engine did not make this handle: ${JSON.stringify(handle)}.`, {
      retryable: false,
    });
  }
}

function keyOf({
  directory,
  attempt,
}: {
  readonly directory?: string | number;
  readonly attempt?: string | number;
}): string {
  return `${directory} ${attempt}`;
}

function exited(exitCode: number, clock: Clock): () => Ending {
  return () => ({ status: "exited", exitCode, signal: null, endedAt: clock.now(), outOfMemory: false });
}
