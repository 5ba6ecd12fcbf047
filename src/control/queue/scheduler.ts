import type { Device } from "../../domain/device.ts";
import { type Waiting, WaitingQueue } from "./waiting-queue.ts";

export interface Grant {
  readonly id: string;
  readonly devices: readonly string[];
}

/**
 * Who starts now: the queue in order of submission, where a run that fits may pass one that does not fit yet. Takes
 * them out of it. Deterministic; never grants a device twice, nor one that is held.
 */
export function plan(queue: WaitingQueue, devices: readonly Device[], held: ReadonlyMap<string, unknown>): Grant[] {
  const grants: Grant[] = [];
  if (queue.size === 0) return grants;
  const free = { nvidia: [] as string[], cpu_slot: [] as string[] };
  for (const { id, kind } of devices) if (!held.has(id)) free[kind].push(id);
  for (;;) {
    const next = queue.takeFirst({ nvidia: free.nvidia.length, cpu_slot: free.cpu_slot.length });
    if (next === undefined) return grants;
    grants.push({ id: next.id, devices: free[next.kind].splice(0, next.devices) });
  }
}

const DEVICE_USES = ["free", "held", "withheld"] as const;

export interface DeviceUse {
  readonly kind: Device["kind"];
  readonly use: (typeof DEVICE_USES)[number];
  readonly count: number;
}

/**
 * The queue and the devices of this machine. Grants are decided at once, in memory, and handed to `onGrant`, which
 * makes them durable; a device counts as held from the decision until `release`.
 */
export class Scheduler {
  readonly devices: readonly Device[];
  readonly #queue = new WaitingQueue();
  /** Runs that may not start yet, and until when. */
  readonly #deferred = new Map<string, { readonly waiting: Waiting; readonly until: Date }>();
  /** Device id to run id. */
  readonly #held = new Map<string, string>();
  /** Runs that cannot leave their devices, and who keeps each of them there, where that is known. */
  readonly #withheld = new Map<string, string | null>();
  readonly #onGrant: (grant: Grant) => void;

  constructor(devices: readonly Device[], onGrant: (grant: Grant) => void) {
    this.devices = devices;
    this.#onGrant = onGrant;
  }

  /**
   * Puts a run at the end of the queue; one that is there keeps its place, and one that holds devices waits no longer.
   * Call `schedule` when all that is known was put.
   */
  enqueue(waiting: Waiting): void {
    const isHolder = this.#held.values().some((holder) => holder === waiting.id);
    if (isHolder || this.#queue.get(waiting.id) !== undefined) return;
    this.#queue.add(waiting);
  }

  /** Keeps a run out of the queue until `admit` is called for it; `until` is for people. */
  defer(waiting: Waiting, until: Date): void {
    this.#deferred.set(waiting.id, { waiting, until });
  }

  /** Puts a deferred run at the beginning of the queue: it was ahead of all these before its last attempt. */
  admit(id: string): void {
    const { waiting } = this.#deferred.get(id) ?? {};
    if (waiting === undefined) return;
    this.#deferred.delete(id);
    this.#queue.addFirst(waiting);
    this.schedule();
  }

  /** Takes a run out that no longer waits. */
  withdraw(id: string): void {
    this.#queue.remove(id);
    this.#deferred.delete(id);
  }

  /** Devices that a run holds already, from before a restart. */
  hold(id: string, devices: readonly string[]): void {
    for (const device of devices) this.#held.set(device, id);
  }

  /** The run should have left its devices and cannot. `who` keeps it there: the middle of a sentence, for people. */
  withhold(id: string, who: string | null): void {
    this.#withheld.set(id, who);
  }

  release(id: string): void {
    this.#withheld.delete(id);
    for (const [device, holder] of this.#held) if (holder === id) this.#held.delete(device);
    this.schedule();
  }

  schedule(): void {
    const grants = plan(this.#queue, this.devices, this.#held);
    for (const grant of grants) this.hold(grant.id, grant.devices);
    for (const grant of grants) this.#onGrant(grant);
  }

  /** Who is likely to start next, the first so many. */
  next(count: number): Waiting[] {
    return [...this.#queue.first(count)];
  }

  get queueLength(): number {
    return this.#queue.size;
  }

  /** How many devices of each kind are in which use. */
  deviceUse(): readonly DeviceUse[] {
    const useOf = ({ id }: Device): DeviceUse["use"] => {
      const holder = this.#held.get(id);
      return holder === undefined ? "free" : this.#withheld.has(holder) ? "withheld" : "held";
    };
    const kinds = [...new Set(this.devices.map(({ kind }) => kind))];
    return kinds.flatMap((kind) => {
      const uses = this.devices.filter((device) => device.kind === kind).map(useOf);
      return DEVICE_USES.map((use) => ({ kind, use, count: uses.filter((one) => one === use).length }));
    });
  }

  /** Why a run waits; null when it is not in the queue. */
  explain(id: string): { readonly reason: string; readonly position: number } | null {
    const deferred = this.#deferred.get(id);
    if (deferred !== undefined) {
      return { reason: `It waits for its next attempt until ${deferred.until.toISOString()}.`, position: 1 };
    }
    const waiting = this.#queue.get(id);
    const position = this.#queue.positionOf(id);
    if (waiting === undefined || position === null) return null;
    const ofKind = this.devices.filter((device) => device.kind === waiting.kind);
    const free = ofKind.filter((device) => !this.#held.has(device.id)).length;
    const noun = waiting.kind === "nvidia" ? "GPU" : "CPU slot";
    const needs = waiting.devices === 1 ? `1 ${noun}` : `${waiting.devices} ${noun}s`;
    if (waiting.devices > ofKind.length) {
      // The machine has lost some since the run was accepted.
      return {
        reason: `It needs ${needs}, and this machine has ${ofKind.length} now: it can only be stopped.`,
        position,
      };
    }
    const ahead = position === 1 ? "first in the queue" : `${position - 1} ahead of it in the queue`;
    const reason = `It needs ${needs}; ${free} of ${ofKind.length} are free; ${ahead}.`;
    return { reason: [reason, ...this.#tellWithheld(ofKind)].join(" "), position };
  }

  /** A sentence for each run that keeps some of these devices though it should have left them. */
  #tellWithheld(devices: readonly Device[]): string[] {
    return [...this.#withheld].flatMap(([id, who]) => {
      const count = devices.filter((device) => this.#held.get(device.id) === id).length;
      if (count === 0) return [];
      const [are, them] = count === 1 ? ["is", "it"] : ["are", "them"];
      const why = who === null ? `run ${id} cannot leave ${them} yet` : `${who} of run ${id} still holds ${them}`;
      return [`${count} of ${devices.length} devices ${are} withheld: ${why}.`];
    });
  }
}
