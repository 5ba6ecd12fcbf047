import fc from "fast-check";
import { expect, test } from "vitest";
import { systemClock } from "../base/clock.ts";
import { type GiveBack, TransferBudget } from "./transfer-budget.ts";

const live = new AbortController().signal;

function budgetOf(requests: number, requestsPerStore = requests): TransferBudget {
  return new TransferBudget({ requests, requestsPerStore, bytesPerSecond: null }, systemClock);
}

test("those who wait are served in turn, however much each of them wants", async () => {
  const budget = budgetOf(1);
  const [many, few] = [budget.share("bucket"), budget.share("bucket")];
  const order: string[] = [];
  const first = await many.take(live);
  const wants = [many, many, many, few, few].map(async (share) => {
    const giveBack = await share.take(live);
    order.push(share === many ? "many" : "few");
    giveBack();
  });
  first();
  await Promise.all(wants);
  expect(order).toEqual(["many", "few", "many", "few", "many"]);
});

test("a busy store keeps nobody waiting who wants another one", async () => {
  const budget = budgetOf(4, 1);
  const [a, b] = [budget.share("a"), budget.share("b")];
  const ofA = await a.take(live);
  let isServed = false;
  const second = a.take(live).then((giveBack) => {
    isServed = true;
    giveBack();
  });
  (await b.take(live))();
  expect(isServed).toBe(false);
  ofA();
  await second;
});

test("who stops waiting leaves no gap, and what is given back twice counts once", async () => {
  const budget = budgetOf(1);
  const share = budget.share("bucket");
  const first = await share.take(live);
  const stop = new AbortController();
  const left = share.take(stop.signal);
  const last = share.take(live);
  stop.abort(new Error("stop now"));
  await expect(left).rejects.toThrow("stop now");
  first();
  first();
  const second = await last;
  let isServed = false;
  const third = share.take(live).then(() => (isServed = true));
  await Promise.resolve();
  expect(isServed).toBe(false);
  second();
  await third;
});

test("whatever is taken and given back, the limits hold and everybody is served", async () => {
  const step = fc.record({ share: fc.nat(3), store: fc.constantFrom("a", "b"), gives: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.nat(4), fc.nat(3), fc.array(step, { maxLength: 40 }), async (more, perStore, steps) => {
      const budget = budgetOf(1 + more, 1 + perStore);
      const shares = new Map<string, ReturnType<TransferBudget["share"]>>();
      const held: { readonly store: string; readonly giveBack: GiveBack }[] = [];
      let served = 0;
      const takes = steps.map(async ({ share, store, gives }) => {
        const name = `${share} ${store}`;
        const mine = shares.get(name) ?? budget.share(store);
        shares.set(name, mine);
        held.push({ store, giveBack: await mine.take(live) });
        served += 1;
        expect(held.length).toBeLessThanOrEqual(1 + more);
        expect(held.filter((each) => each.store === store).length).toBeLessThanOrEqual(1 + perStore);
        if (gives) held.shift()?.giveBack();
      });
      while (served < steps.length) {
        await new Promise(setImmediate);
        held.shift()?.giveBack();
      }
      await Promise.all(takes);
    }),
  );
});

test("a limit of bytes makes the line rest for as long as the bytes last", async () => {
  const waits: number[] = [];
  const clock = {
    now: () => new Date(0),
    monotonicMs: () => 0,
    sleep: async (ms: number) => void waits.push(ms),
  };
  const share = new TransferBudget({ requests: 1, requestsPerStore: 1, bytesPerSecond: 1000 }, clock).share("bucket");
  expect(share.spend(10, live)).toBeUndefined();
  await share.spend(90, live);
  await share.spend(900, live);
  expect(waits).toEqual([100, 1000]);
});
