import { expect, test } from "vitest";
import { logCollector } from "./log-collector.ts";
import { pointsOf } from "./metric-record.ts";

const SEEN = new Date(Date.UTC(2026, 0, 1));

function collect(...parts: readonly string[]) {
  const collector = logCollector();
  const records = [
    ...parts.flatMap((part) => collector.push(Buffer.from(part), SEEN).records),
    ...collector.finish(SEEN).records,
  ];
  return records.flatMap(pointsOf).map(({ key, step, value }) => ({ key, step, value }));
}

test("a position on a line of its own holds for the values behind it", () => {
  expect(collect("Epoch 1/2\nloss: 0.5\nEpoch 2/2\n", "loss: 0.25\n")).toEqual([
    { key: "loss", step: 1, value: 0.5 },
    { key: "loss", step: 2, value: 0.25 },
  ]);
});

test("of several positions in a line the finest is the point's", () => {
  expect(collect("epoch 2 step 150 loss=1.5\n")).toEqual([{ key: "loss", step: 150, value: 1.5 }]);
});

test("each redraw of a progress bar is looked at, and a last line without an end too", () => {
  expect(collect("\r 1/3 loss=3\r 2/3 loss=2", "\r 3/3 loss=1")).toEqual([
    { key: "loss", step: null, value: 3 },
    { key: "loss", step: null, value: 2 },
    { key: "loss", step: null, value: 1 },
  ]);
});

test("a name that is too long is cut with a mark", () => {
  const [point] = collect(`${"x".repeat(41)}.${"y".repeat(10)}=1\n${"a".repeat(40)} ${"b".repeat(40)} loss=1\n`);
  expect(point?.key.length).toBeLessThanOrEqual(250);
});

test("a position beyond all numbers is none", () => {
  const collector = logCollector();
  const lines = `{"step": 1e999, "loss": 1}\nstep ${"9".repeat(400)} loss=2\nstep 3 loss=4\n`;
  const { records } = collector.push(Buffer.from(lines), new Date(0));
  expect(records.flatMap(pointsOf).map(({ step, value }) => [step, value])).toEqual([
    [null, 1],
    [null, 2],
    [3, 4],
  ]);
});
