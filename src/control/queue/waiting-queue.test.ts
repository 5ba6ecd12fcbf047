import fc from "fast-check";
import { expect, test } from "vitest";
import { type Waiting, WaitingQueue } from "./waiting-queue.ts";

type Free = { readonly nvidia: number; readonly cpu_slot: number };

/** The same promises kept in the plainest way: one list that is walked from its beginning. */
class PlainQueue {
  readonly #waiting: Waiting[] = [];

  add(waiting: Waiting): void {
    this.remove(waiting.id);
    this.#waiting.push(waiting);
  }

  remove(id: string): void {
    const index = this.#waiting.findIndex((each) => each.id === id);
    if (index !== -1) this.#waiting.splice(index, 1);
  }

  positions(): readonly string[] {
    return this.#waiting.map(({ id }) => id);
  }

  takeFirst(free: Free): Waiting | undefined {
    const found = this.#waiting.find(({ kind, devices }) => devices <= free[kind]);
    if (found !== undefined) this.remove(found.id);
    return found;
  }
}

const kind = fc.constantFrom("nvidia" as const, "cpu_slot" as const);
const id = fc.integer({ min: 0, max: 20 }).map((n) => `r${n}`);
const step = fc.oneof(
  fc.record({ add: fc.record({ id, kind, devices: fc.integer({ min: 1, max: 4 }) }) }),
  fc.record({ remove: id }),
  fc.record({ take: fc.record({ nvidia: fc.integer({ min: 0, max: 4 }), cpu_slot: fc.integer({ min: 0, max: 4 }) }) }),
);

test("whatever comes and goes, the queue answers as a plain list would", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const [queue, plain] = [new WaitingQueue(), new PlainQueue()];
      for (const each of steps) {
        if ("add" in each) for (const one of [queue, plain]) one.add(each.add);
        else if ("remove" in each) for (const one of [queue, plain]) one.remove(each.remove);
        else expect(queue.takeFirst(each.take)).toEqual(plain.takeFirst(each.take));
        const order = plain.positions();
        expect(queue.size).toBe(order.length);
        expect(order.map((known) => queue.positionOf(known))).toEqual(order.map((_, index) => index + 1));
      }
    }),
  );
});

test("a decision looks at no more runs when ten times as many wait that cannot start", () => {
  expect(looksWith(10_000)).toBe(looksWith(1_000));
});

/** How often the wish of a run is read while one that fits is found behind `count` that do not. */
function looksWith(count: number): number {
  const queue = new WaitingQueue();
  let looks = 0;
  for (let n = 0; n < count; n += 1) {
    queue.add({
      id: `large${n}`,
      kind: "cpu_slot",
      get devices() {
        looks += 1;
        return 4;
      },
    });
  }
  queue.add({ id: "small", kind: "cpu_slot", devices: 1 });
  looks = 0;
  expect(queue.takeFirst({ nvidia: 0, cpu_slot: 3 })?.id).toBe("small");
  return looks;
}

test("runs that are withdrawn behind one that cannot start are not kept for ever", () => {
  const queue = new WaitingQueue();
  queue.add({ id: "blocked", kind: "nvidia", devices: 8 });
  for (let n = 0; n < 5_000; n += 1) {
    queue.add({ id: `r${n}`, kind: "nvidia", devices: 8 });
    queue.remove(`r${n}`);
  }
  expect([queue.size, queue.positionOf("blocked")]).toEqual([1, 1]);
  expect(queue.takeFirst({ nvidia: 8, cpu_slot: 0 })?.id).toBe("blocked");
});

test("a line of many runs is forgotten as it is served", () => {
  const queue = new WaitingQueue();
  for (let n = 0; n < 5_000; n += 1) queue.add({ id: `r${n}`, kind: "cpu_slot", devices: 1 });
  for (let n = 0; n < 5_000; n += 1) expect(queue.takeFirst({ nvidia: 0, cpu_slot: 1 })?.id).toBe(`r${n}`);
  expect([queue.size, queue.takeFirst({ nvidia: 9, cpu_slot: 9 })]).toEqual([0, undefined]);
});
