import { expect, test } from "vitest";
import { CollectorThread, CollectorThreadEnded } from "./collector-thread.ts";

const SEEN = new Date(Date.UTC(2026, 0, 1));

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text));
}

test("collectors in the thread give what they find, each from its own source", async () => {
  await using thread = new CollectorThread();
  using one = thread.order({ kind: "log" });
  using other = thread.order({ kind: "ibm" });
  const [log, ibm] = await Promise.all([
    one.push(bytes("step 1 loss=0.5\nstep 2 lo"), SEEN),
    other.push(bytes('{"values": {"loss": 3}}\n'), SEEN),
  ]);
  expect(log.records.map(({ step }) => step)).toEqual([1]);
  expect(log.safeOffset).toBe(16);
  expect(ibm.records[0]?.values).toEqual({ loss: { type: "FLOAT", value: 3 } });
  const rest = await one.push(bytes("ss=0.25"), SEEN);
  expect(rest.records).toEqual([]);
  expect((await one.push(null, SEEN)).records.map(({ step }) => step)).toEqual([2]);
});

test("a pattern that takes for ever does not keep this thread from working", async () => {
  await using thread = new CollectorThread();
  const groups = [{ label: "slow", regex: "(a+)+$", meta: {}, scalars: [], etimes: [] }];
  using slow = thread.order({ kind: "patterns", groups, lookahead: null });
  const asked = slow.push(bytes(`${"a".repeat(40)}b\n`.repeat(4)), SEEN);
  let turns = 0;
  const counting = setInterval(() => (turns += 1), 5);
  const { warnings } = await asked;
  clearInterval(counting);
  expect(turns).toBeGreaterThan(5);
  expect(warnings).toHaveLength(1);
});

test("who waits for a thread that ends is told, and the next order has a new one", async () => {
  const thread = new CollectorThread();
  const first = thread.order({ kind: "log" });
  await first.push(bytes("loss=1\n"), SEEN);
  const groups = [{ label: "slow", regex: "(a+)+$", meta: {}, scalars: [], etimes: [] }];
  const slow = thread.order({ kind: "patterns", groups, lookahead: null });
  const waiting = slow.push(bytes(`${"a".repeat(40)}b\n`), SEEN);
  const told = expect(waiting).rejects.toThrow(CollectorThreadEnded);
  await thread[Symbol.asyncDispose]();
  await told;
  await expect(first.push(bytes("loss=2\n"), SEEN)).rejects.toThrow(CollectorThreadEnded);
  await using again = thread;
  expect((await again.order({ kind: "log" }).push(bytes("loss=3\n"), SEEN)).records).toHaveLength(1);
});
