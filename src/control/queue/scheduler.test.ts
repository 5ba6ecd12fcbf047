import fc from "fast-check";
import { expect, test } from "vitest";
import type { Device } from "../../domain/device.ts";
import { plan, Scheduler, type Grant } from "./scheduler.ts";
import { type Waiting, WaitingQueue } from "./waiting-queue.ts";

function slots(count: number): Device[] {
  return Array.from({ length: count }, (_, i) => ({ id: `cpu-${i}`, kind: "cpu_slot", name: "CPU slot", uuid: null }));
}

function queueOf(waiting: readonly Waiting[]): WaitingQueue {
  const queue = new WaitingQueue();
  for (const each of waiting) queue.add(each);
  return queue;
}

test("runs start in order of submission while devices are free", () => {
  const grants = plan(
    queueOf([1, 2, 1, 1].map((devices, i) => ({ id: `r${i}`, devices, kind: "cpu_slot" }))),
    slots(4),
    new Map(),
  );
  expect(grants).toEqual([
    { id: "r0", devices: ["cpu-0"] },
    { id: "r1", devices: ["cpu-1", "cpu-2"] },
    { id: "r2", devices: ["cpu-3"] },
  ]);
});

test("a run that fits passes one that does not fit yet", () => {
  const queue = [
    { id: "large", devices: 4, kind: "cpu_slot" },
    { id: "small", devices: 1, kind: "cpu_slot" },
  ] as const;
  expect(plan(queueOf(queue), slots(4), new Map([["cpu-0", "busy"]]))).toEqual([{ id: "small", devices: ["cpu-1"] }]);
});

test("no device is ever held by two runs, and everything that fits is granted", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.oneof(fc.record({ devices: fc.integer({ min: 1, max: 8 }) }), fc.constant("release" as const)), {
        maxLength: 60,
      }),
      (count, steps) => {
        const holding = new Map<string, readonly string[]>();
        const scheduler = new Scheduler(slots(count), (grant: Grant) => {
          const held = [...holding.values()].flat();
          expect(grant.devices.filter((device) => held.includes(device))).toEqual([]);
          expect(new Set(grant.devices).size).toBe(grant.devices.length);
          holding.set(grant.id, grant.devices);
        });
        const waiting = new Map<string, number>();
        for (const [i, step] of steps.entries()) {
          if (step === "release") {
            const [first] = holding.keys();
            if (first === undefined) continue;
            holding.delete(first);
            scheduler.release(first);
          } else {
            const id = `r${i}`;
            waiting.set(id, step.devices);
            scheduler.enqueue({ id, devices: step.devices, kind: "cpu_slot" });
            scheduler.schedule();
          }
          for (const id of holding.keys()) waiting.delete(id);
          const free = count - [...holding.values()].flat().length;
          for (const devices of waiting.values()) expect(devices).toBeGreaterThan(free);
        }
      },
    ),
  );
});

test("a waiting run is told what it needs, what is free and how many are ahead", () => {
  const scheduler = new Scheduler(slots(2), () => undefined);
  scheduler.hold("busy", ["cpu-0"]);
  for (const id of ["first", "second"]) scheduler.enqueue({ id, devices: 2, kind: "cpu_slot" });
  scheduler.schedule();
  expect(scheduler.explain("second")).toEqual({
    reason: "It needs 2 CPU slots; 1 of 2 are free; 1 ahead of it in the queue.",
    position: 2,
  });
  expect(scheduler.explain("busy")).toBeNull();
});

test("a run for the CPU does not wait for GPUs, and never holds one", () => {
  const machine: Device[] = [{ id: "gpu-0", kind: "nvidia", name: "NVIDIA H200", uuid: "GPU-1" }, ...slots(1)];
  const queue = [
    { id: "training", devices: 2, kind: "nvidia" },
    { id: "preparation", devices: 1, kind: "cpu_slot" },
  ] as const;
  expect(plan(queueOf(queue), machine, new Map())).toEqual([{ id: "preparation", devices: ["cpu-0"] }]);
});

test("devices of the other kind do not count as free for a run that cannot use them", () => {
  const machine: Device[] = [{ id: "gpu-0", kind: "nvidia", name: "NVIDIA H200", uuid: "GPU-1" }, ...slots(3)];
  const scheduler = new Scheduler(machine, () => undefined);
  scheduler.hold("busy", ["gpu-0"]);
  scheduler.enqueue({ id: "training", devices: 1, kind: "nvidia" });
  expect(scheduler.explain("training")?.reason).toBe("It needs 1 GPU; 0 of 1 are free; first in the queue.");
});

test("a run that is withdrawn is in nobody's way", () => {
  const granted: string[] = [];
  const scheduler = new Scheduler(slots(1), ({ id }) => granted.push(id));
  scheduler.hold("busy", ["cpu-0"]);
  for (const id of ["first", "second"]) scheduler.enqueue({ id, devices: 1, kind: "cpu_slot" });
  scheduler.withdraw("first");
  expect([scheduler.explain("first"), scheduler.explain("second")?.position]).toEqual([null, 1]);
  scheduler.release("busy");
  expect(granted).toEqual(["second"]);
});

test("a run that needs more than the machine has left is told so", () => {
  const scheduler = new Scheduler(slots(2), () => undefined);
  scheduler.enqueue({ id: "large", devices: 4, kind: "cpu_slot" });
  expect(scheduler.explain("large")?.reason).toBe(
    "It needs 4 CPU slots, and this machine has 2 now: it can only be stopped.",
  );
});

test("a deferred run is granted nothing before it is admitted, and is then the first of all that wait", () => {
  const granted: string[] = [];
  const scheduler = new Scheduler(slots(1), ({ id }) => granted.push(id));
  const until = new Date(Date.UTC(2026, 0, 1, 12));
  scheduler.defer({ id: "retried", devices: 1, kind: "cpu_slot" }, until);
  scheduler.schedule();
  expect(scheduler.explain("retried")?.reason).toBe("It waits for its next attempt until 2026-01-01T12:00:00.000Z.");
  for (const id of ["first", "second"]) scheduler.enqueue({ id, devices: 1, kind: "cpu_slot" });
  scheduler.schedule();
  scheduler.admit("retried");
  expect([granted, scheduler.explain("retried")?.position, scheduler.explain("second")?.position]).toEqual([
    ["first"],
    1,
    2,
  ]);
  scheduler.release("first");
  expect(granted).toEqual(["first", "retried"]);
});

test("a deferred run that is withdrawn is admitted no more", () => {
  const granted: string[] = [];
  const scheduler = new Scheduler(slots(1), ({ id }) => granted.push(id));
  scheduler.defer({ id: "retried", devices: 1, kind: "cpu_slot" }, new Date(0));
  scheduler.withdraw("retried");
  scheduler.admit("retried");
  expect([granted, scheduler.explain("retried")]).toEqual([[], null]);
});

test("a run that is put into the queue twice keeps its place and starts once", () => {
  const grants: string[] = [];
  const scheduler = new Scheduler(slots(1), ({ id }) => grants.push(id));
  const [first, second] = ["first", "second"].map((id) => ({ id, devices: 1, kind: "cpu_slot" }) as const);
  for (const waiting of [first, second, first]) if (waiting !== undefined) scheduler.enqueue(waiting);
  scheduler.schedule();
  if (first !== undefined) scheduler.enqueue(first);
  scheduler.release("first");
  scheduler.release("second");
  expect(grants).toEqual(["first", "second"]);
});

test("a run that is admitted waits no longer for its next attempt, and starts at once where it can", () => {
  const grants: string[] = [];
  const scheduler = new Scheduler(slots(1), ({ id }) => grants.push(id));
  scheduler.defer({ id: "again", devices: 1, kind: "cpu_slot" }, new Date(0));
  expect(scheduler.explain("again")).toMatchObject({ position: 1 });
  scheduler.admit("again");
  expect(grants).toEqual(["again"]);
  expect(scheduler.explain("again")).toBeNull();
});

test("devices that runs cannot leave are told to those who wait for their kind, with who keeps them", () => {
  const gpu: Device = { id: "gpu-0", kind: "nvidia", name: "NVIDIA H200", uuid: "GPU-1" };
  const scheduler = new Scheduler([gpu, ...slots(4)], () => undefined);
  scheduler.hold("stuck", ["cpu-0", "cpu-1"]);
  scheduler.hold("odd", ["cpu-2"]);
  scheduler.hold("busy", ["cpu-3", "gpu-0"]);
  for (const kind of ["cpu_slot", "nvidia"] as const) scheduler.enqueue({ id: kind, devices: 1, kind });
  scheduler.withhold("stuck", "process 123 (python)");
  scheduler.withhold("odd", null);
  scheduler.withhold("without-devices", "process 9 (cat)");
  const queued = "It needs 1 CPU slot; 0 of 4 are free; first in the queue.";
  const odd = "1 of 4 devices is withheld: run odd cannot leave it yet.";
  expect(scheduler.explain("cpu_slot")?.reason).toBe(
    `${queued} 2 of 4 devices are withheld: process 123 (python) of run stuck still holds them. ${odd}`,
  );
  expect(scheduler.explain("nvidia")?.reason).toBe("It needs 1 GPU; 0 of 1 are free; 1 ahead of it in the queue.");
  scheduler.enqueue({ id: "large", devices: 4, kind: "cpu_slot" });
  scheduler.release("stuck");
  expect(scheduler.explain("large")?.reason).toContain(odd);
  expect(scheduler.explain("large")?.reason).not.toContain("stuck");
});

test("the runs that are likely to start next are told in order, and a run in nobody's queue has no reason to wait", () => {
  const scheduler = new Scheduler(slots(1), () => undefined);
  for (const id of ["a", "b", "c"]) scheduler.enqueue({ id, devices: 1, kind: "cpu_slot" });
  expect(scheduler.next(2).map(({ id }) => id)).toEqual(["a", "b"]);
  expect(scheduler.explain("unknown")).toBeNull();
});
