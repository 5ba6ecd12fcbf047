import type { Run } from "../../src/domain/run.ts";
import { canAdvance, isTerminal } from "../../src/domain/run-state.ts";
import type { Life } from "./life.ts";
import type { StoreChange } from "./memory-store.ts";
import type { Program } from "./programs.ts";
import { wrongOutcome } from "./truth.ts";
import type { Trouble, World } from "./world.ts";

/** What the observer saw of one run, apart from what the product says of it. All times are true ones. */
export interface Seen {
  isAcknowledged: boolean;
  /** Null: never asked. */
  firstStopAskedMs: number | null;
  stopAcknowledgedMs: number | null;
  isDeleteAsked: boolean;
  /** Somebody asked to delete it without a time to take it back. */
  mayGoAtOnce: boolean;
  /** Since when it is deleted. */
  deletedMs: number | null;
  isRetryAsked: boolean;
  retryAcknowledgedMs: number | null;
  readonly programs: Program[];
  /** What the world did to it. */
  readonly troubles: Set<Trouble>;
  endedMs: number | null;
  /** The server that stores its results at this moment. */
  keeper: Life | null;
}

const DAY_MS = 86_400_000;

/**
 * Sees every write that becomes durable, every program and every answer to a user, and holds them against the
 * invariants. It is no part of the product and asks it nothing.
 */
export class Observer {
  /** The first one. */
  violation: string | null = null;
  lifetimes = 0;
  readonly seen = new Map<string, Seen>();
  /** Idempotency keys by id of the submission that was sent with it. */
  readonly #keys = new Map<string, string>();
  /** Ids by idempotency key: those that were inserted, and those that users were told. */
  readonly #inserted = new Map<string, string>();
  readonly #told = new Map<string, string>();
  readonly #world: World;
  /** Device to the run whose row holds it. */
  readonly #held = new Map<string, string>();

  constructor(world: World) {
    this.#world = world;
  }

  /** `invariant`: its number in contributing/simulation.md. */
  fail(invariant: number, message: string): void {
    this.violation ??= `invariant ${invariant}: ${message}`;
    this.#world.trace.add(`VIOLATION ${message}`);
  }

  of(id: string): Seen {
    const known = this.seen.get(id);
    if (known !== undefined) return known;
    const seen: Seen = {
      isAcknowledged: false,
      firstStopAskedMs: null,
      stopAcknowledgedMs: null,
      isDeleteAsked: false,
      mayGoAtOnce: false,
      deletedMs: null,
      isRetryAsked: false,
      retryAcknowledgedMs: null,
      programs: [],
      troubles: new Set(),
      endedMs: null,
      keeper: null,
    };
    this.seen.set(id, seen);
    return seen;
  }

  /** Every durable change of the store, at the moment at which it is one. */
  changed({ before, after }: StoreChange): void {
    if (after === null) return before === null ? undefined : this.#removed(before);
    this.#world.trace.add(`store ${after.id} v${after.version} ${after.state} [${after.devices.join(" ")}]`);
    if (before === null) return this.#begins(after);
    if (before.version !== after.version - 1) this.fail(2, `a write of ${after.id} was lost`);
    if (after.state !== before.state && !canAdvance(before.state, after.state)) {
      this.fail(2, `${after.id} went from ${before.state} to ${after.state}`);
    }
    this.of(after.id).deletedMs =
      after.deletedAt === null ? null : (this.of(after.id).deletedMs ?? this.#world.time.nowMs);
    if (isTerminal(before.state)) this.#stays(before, after);
    this.#holds(after);
    if (isTerminal(after.state) && !isTerminal(before.state)) this.#ends(after);
  }

  executed(program: Program): void {
    const { runId, attempt, learner, devices } = program;
    this.#world.trace.add(`program ${runId} attempt ${attempt} learner ${learner} [${devices.join(" ")}]`);
    const { programs } = this.of(runId);
    for (const other of programs) {
      if (other.attempt === attempt && other.learner === learner) this.fail(4, `${program.key} was executed twice`);
      if (other.attempt !== attempt && !other.isGone) this.fail(4, `two attempts of ${runId} are alive`);
    }
    programs.push(program);
    const row = this.#world.disk.rows.get(runId)?.run;
    if (row?.state !== "downloading" || row.attempt !== attempt) {
      this.fail(6, `a program of ${runId} started while the run is ${row?.state ?? "gone"}`);
    }
    for (const other of [...this.#world.programs.living.values()].flatMap((living) => [...living])) {
      const shared = other === program ? undefined : other.devices.find((device) => devices.includes(device));
      if (shared !== undefined) this.fail(5, `${shared} is used by ${other.key} and ${program.key}`);
    }
  }

  ended({ runId, attempt, learner, ending }: Program): void {
    const how = ending?.status === "exited" ? `with ${ending.exitCode}` : "unseen";
    this.#world.trace.add(`program ${runId} attempt ${attempt} learner ${learner} ends ${how}`);
  }

  /** A user sends a submission, which has this id if it becomes a run. */
  submitting(id: string, key: string | null): void {
    if (key !== null) this.#keys.set(id, key);
  }

  /** A user was told that the run was accepted. */
  acknowledged(id: string, key: string | null): void {
    const seen = this.of(id);
    seen.isAcknowledged = true;
    if (!this.#world.disk.rows.has(id) && seen.endedMs === null) this.fail(1, `${id} was accepted and is not there`);
    if (key === null) return;
    const other = this.#told.get(key) ?? id;
    if (other !== id && this.#world.disk.rows.has(other)) this.fail(1, `${key} was accepted as ${other} and as ${id}`);
    this.#told.set(key, id);
  }

  keeping(run: Run, life: Life): void {
    const seen = this.of(run.id);
    if (seen.keeper === life) this.fail(10, `the results of ${run.id} are stored twice at once`);
    seen.keeper = life;
  }

  kept(run: Run, life: Life): void {
    const seen = this.of(run.id);
    if (seen.keeper === life) seen.keeper = null;
  }

  put(run: Run, object: string): void {
    this.#world.trace.add(`put ${run.id} ${object}`);
    const row = this.#world.disk.rows.get(run.id)?.run;
    const isAgain = row !== undefined && isTerminal(row.state) && row.results === null && this.of(run.id).isRetryAsked;
    if (row?.state !== "storing" && !isAgain) {
      this.fail(10, `${object} of ${run.id} is stored while it is ${row?.state ?? "gone"}`);
    }
    if (this.#world.programs.living.has(run.id)) this.fail(6, `${run.id} is stored while its program lives`);
  }

  /** Once everything has come to rest. */
  conclude(): void {
    const { disk, programs, fairSinceMs } = this.#world;
    for (const [id, seen] of this.seen) {
      const row = disk.rows.get(id)?.run;
      if (seen.isAcknowledged && row === undefined && seen.endedMs === null)
        this.fail(1, `${id} was accepted and is lost`);
      if (row === undefined) continue;
      if (seen.endedMs === null) this.fail(14, `${id} has not come to an end`);
      if (row.attempt !== row.pastAttempts.length + 1) this.fail(2, `${id} does not know all its attempts`);
      const isOwed = (seen.retryAcknowledgedMs ?? -1) > (fairSinceMs ?? Infinity);
      if (isOwed && row.results === null) this.fail(14, `the results of ${id} were not stored again`);
    }
    for (const id of programs.living.keys()) this.fail(6, `a program of ${id} is still alive`);
  }

  #begins(run: Run): void {
    this.lifetimes += 1;
    const key = this.#keys.get(run.id);
    if (key === undefined) return;
    const other = this.#inserted.get(key);
    if (other !== undefined && this.#world.disk.rows.has(other)) this.fail(1, `${key} made ${other} and ${run.id}`);
    this.#inserted.set(key, run.id);
  }

  #stays(before: Run, after: Run): void {
    for (const field of ["state", "failure", "endedAt", "attempt", "outcome"] as const) {
      if (before[field] !== after[field]) this.fail(2, `${field} of ${after.id} changed after its end`);
    }
    if (before.results === after.results) return;
    if (before.results !== null || !this.of(after.id).isRetryAsked) this.fail(2, `results of ${after.id} changed`);
    if (!this.#world.bucket.isComplete(after)) this.fail(9, `${after.id} says its results are stored`);
  }

  #holds(run: Run): void {
    for (const [device, holder] of this.#held) {
      if (holder === run.id && !run.devices.includes(device)) this.#held.delete(device);
    }
    for (const device of run.devices) {
      const holder = this.#held.get(device) ?? run.id;
      if (holder !== run.id) this.fail(5, `${device} is held by ${holder} and ${run.id}`);
      if (!this.#world.devices.some(({ id }) => id === device)) this.fail(5, `${device} is not there`);
      this.#held.set(device, run.id);
      for (const [id, programs] of this.#world.programs.living) {
        if (id !== run.id && [...programs].some((program) => program.devices.includes(device))) {
          this.fail(5, `${device} is given to ${run.id} while a program of ${id} uses it`);
        }
      }
    }
    if (run.devices.length === 0 && this.#world.programs.living.has(run.id)) {
      this.fail(6, `${run.id} left its devices as ${run.state} while its program lives`);
    }
  }

  #ends(run: Run): void {
    const seen = this.of(run.id);
    seen.endedMs = this.#world.time.nowMs;
    const wrong = wrongOutcome(run, seen);
    if (wrong !== null) this.fail(3, `${run.id} ended as ${run.state}, but ${wrong}`);
    const { results, warnings, failure } = run;
    if (seen.programs.length === 0) return;
    if (results !== null && !this.#world.bucket.isComplete(run)) this.fail(9, `${run.id} says its results are stored`);
    if (results !== null) return;
    const isSaid =
      failure?.cause === "results_not_stored" || warnings.some((text) => text.includes("could not be put"));
    if (!isSaid) this.fail(9, `${run.id} ended without results and does not say why`);
    if (!seen.troubles.has("bucket")) this.fail(9, `${run.id} ended without results though its bucket took them`);
  }

  #removed(run: Run): void {
    this.#world.trace.add(`store ${run.id} removed`);
    if (!isTerminal(run.state)) return this.fail(11, `${run.id} was removed while it was ${run.state}`);
    const { retentionDays, deleteUndoMs, time, wallJumps, isSetBack } = this.#world;
    // A clock that was set forward by a second is believed, for the machine's time service mends it so; and an end is
    // dated before the write that makes it durable, which may be slow.
    const believedMs = time.nowMs + wallJumps * 1_000 + 5_000;
    const seen = this.of(run.id);
    if (seen.isDeleteAsked && (deleteUndoMs === 0 || seen.mayGoAtOnce)) return;
    if (seen.deletedMs !== null && (isSetBack || believedMs - seen.deletedMs >= deleteUndoMs)) return;
    // A clock that was set back and forward between two looks at it leaves only what the run itself says.
    const trueMs = believedMs - (seen.endedMs ?? Infinity);
    const ageMs = isSetBack ? this.#world.wallMs() - Number(run.endedAt ?? Infinity) + 5_000 : trueMs;
    if (retentionDays === null || ageMs < retentionDays * DAY_MS) this.fail(11, `${run.id} was removed too early`);
  }
}
