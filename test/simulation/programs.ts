import { EngineError } from "../../src/engines/engine-error.ts";
import type { Ending, LearnerTask } from "../../src/engines/engine.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** What a program does once it is started. */
export interface Plan {
  /** From the spawn of its shim to the claim. */
  readonly claimMs: number;
  /** `Infinity`: until it is stopped. */
  readonly runMs: number;
  /** Its exit code; null: it vanishes without a record. */
  readonly exitCode: number | null;
  readonly onStop: "ends" | "ends_well" | "ignores";
  /** How long something of it stays after its end. */
  readonly stuckMs: number;
}

/** One execution of a program. */
export interface Program {
  readonly key: string;
  readonly runId: string;
  readonly attempt: number;
  readonly learner: number;
  readonly devices: readonly string[];
  readonly plan: Plan;
  readonly startedMs: number;
  /** By true time; null while it runs. */
  endedMs: number | null;
  ending: Ending | null;
  /** Nothing of it is left. */
  isGone: boolean;
  /** Called when it has gone. */
  readonly whenGone: Set<() => void>;
}

export interface Witness {
  executed(program: Program): void;
  ended(program: Program): void;
}

/** The machine's processes. They live on when a server dies, and remember nothing of it. */
export class Programs {
  readonly all = new Map<string, Program>();
  /** Those of which something is left, by run. */
  readonly living = new Map<string, Set<Program>>();
  readonly #time: VirtualTime;
  readonly #wallMs: () => number;
  readonly #witness: Witness;
  /** Shims on their way to their claim. */
  readonly #claiming = new Map<string, Set<(program: Program) => void>>();

  constructor(time: VirtualTime, wallMs: () => number, witness: Witness) {
    this.#time = time;
    this.#wallMs = wallMs;
    this.#witness = witness;
  }

  /** Starts the program unless this attempt of it was started before; `onClaim` hears of the one that is there. */
  spawn(task: LearnerTask, plan: Plan, onClaim: (program: Program) => void): void {
    const key = `${task.directory} ${task.attempt}`;
    const known = this.all.get(key);
    if (known !== undefined) return onClaim(known);
    const claiming = this.#claiming.get(key);
    if (claiming !== undefined) return void claiming.add(onClaim);
    const waiting = new Set([onClaim]);
    this.#claiming.set(key, waiting);
    this.#time.after(plan.claimMs, () => {
      // The machine went down in between.
      if (this.#claiming.get(key) !== waiting) return;
      this.#claiming.delete(key);
      const program = this.#execute(key, task, plan);
      for (const tell of waiting) tell(program);
    });
  }

  /** A polite request. */
  ask(program: Program): void {
    const { onStop } = program.plan;
    if (program.ending !== null || onStop === "ignores") return;
    this.#time.after(20, () => this.#end(program, onStop === "ends" ? 143 : 0));
  }

  kill(program: Program): void {
    this.#end(program, 137);
  }

  /** Nothing of any program is left, and nobody has seen its end. */
  endAll(): void {
    this.#claiming.clear();
    for (const program of [...this.living.values()].flatMap((programs) => [...programs])) {
      this.#end(program, null);
      this.#leave(program);
    }
  }

  #execute(key: string, task: LearnerTask, plan: Plan): Program {
    const program: Program = {
      key,
      runId: task.runId,
      attempt: task.attempt,
      learner: task.learner,
      devices: (task.env["DEVICES"] ?? "").split(" "),
      plan,
      startedMs: this.#time.nowMs,
      endedMs: null,
      ending: null,
      isGone: false,
      whenGone: new Set(),
    };
    this.all.set(key, program);
    const others = this.living.get(task.runId) ?? new Set();
    this.living.set(task.runId, others.add(program));
    this.#witness.executed(program);
    this.#time.after(plan.runMs, () => this.#end(program, plan.exitCode));
    return program;
  }

  #end(program: Program, exitCode: number | null): void {
    if (program.ending !== null) return;
    program.endedMs = this.#time.nowMs;
    program.ending =
      exitCode === null
        ? { status: "lost", reason: "it was simulated to vanish" }
        : { status: "exited", exitCode, signal: null, endedAt: new Date(this.#wallMs()), outOfMemory: false };
    this.#witness.ended(program);
    if (program.plan.stuckMs === 0) this.#leave(program);
    else this.#time.after(program.plan.stuckMs, () => this.#leave(program));
  }

  #leave(program: Program): void {
    if (program.isGone) return;
    program.isGone = true;
    const others = this.living.get(program.runId);
    others?.delete(program);
    if (others?.size === 0) this.living.delete(program.runId);
    for (const tell of program.whenGone) tell();
    program.whenGone.clear();
  }
}

export function unreachable(what: string): EngineError {
  return new EngineError(`simulated: the engine cannot be reached to ${what}`, { retryable: true });
}
