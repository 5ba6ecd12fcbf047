import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { pointsOf } from "../metric-record.ts";
import { crc32c } from "./crc32c.ts";
import { eventCollector } from "./event-collector.ts";

const SEEN = new Date(Date.UTC(2026, 0, 1));

function fixture(name: string): Buffer {
  return readFileSync(new URL(`../../../test/fixtures/event-files/${name}.tfevents`, import.meta.url));
}

function collect(parts: readonly Uint8Array[]) {
  const collector = eventCollector("train", "events.out.tfevents.1");
  const collected = parts.map((part) => collector.push(part, SEEN));
  return {
    points: collected.flatMap(({ records }) => records).flatMap(pointsOf),
    warnings: collected.flatMap(({ warnings }) => warnings),
    safeOffset: collector.safeOffset,
  };
}

/** Step and value of each point of one key, with the precision of the writer's 32-bit numbers. */
function curve(
  points: ReturnType<typeof collect>["points"],
  key: string,
): readonly (readonly [number | null, number])[] {
  return points.filter((point) => point.key === key).map(({ step, value }) => [step, Math.fround(value)]);
}

const STEPS = [0, 1, 2, 3, 4];
const falling = (from: number) => STEPS.map((s) => [s * 100, Math.fround(from / (s + 1))]);
const rising = STEPS.map((s) => [s * 100, Math.fround(0.5 + s * 0.1)]);

test("every scalar that TensorFlow 2 wrote is read to the last point, and nothing else", () => {
  const { points, warnings } = collect([fixture("tensorflow-2.21")]);
  expect(warnings).toEqual([]);
  expect(curve(points, "train/loss")).toEqual(falling(1));
  expect(curve(points, "train/epoch/accuracy")).toEqual(rising);
  expect(curve(points, "train/exploded")).toEqual([
    [400, NaN],
    [500, Infinity],
  ]);
  expect(points).toHaveLength(12);
});

test("every scalar of TensorFlow 1's writer is read", () => {
  const { points } = collect([fixture("tensorflow-1-api")]);
  expect(curve(points, "train/loss")).toEqual(falling(1));
  expect(curve(points, "train/accuracy")).toEqual(rising);
  expect(points).toHaveLength(10);
});

test("both kinds of scalars of PyTorch's writer are read", () => {
  const { points } = collect([fixture("torch")]);
  expect(curve(points, "train/loss/train")).toEqual(falling(1));
  expect(curve(points, "train/loss/test")).toEqual(falling(2));
  expect(points).toHaveLength(10);
});

test("the times are the program's own", () => {
  const { points } = collect([fixture("torch")]);
  expect(points.every(({ at }) => at.getUTCFullYear() >= 2025 && at.getTime() !== SEEN.getTime())).toBe(true);
});

test("a file that is still being written gives the same points in whatever portions it arrives", () => {
  const file = fixture("tensorflow-2.21");
  const whole = collect([file]).points;
  fc.assert(
    fc.property(fc.array(fc.nat(file.length), { maxLength: 20 }), (cuts) => {
      const edges = [0, ...cuts.toSorted((a, b) => a - b), file.length];
      const { points, safeOffset } = collect(edges.slice(1).map((end, i) => file.subarray(edges[i], end)));
      expect(points).toEqual(whole);
      expect(safeOffset).toBe(file.length);
    }),
    { numRuns: 50 },
  );
});

test("an unfinished record is no damage: a reader that comes back at the safe offset has all points", () => {
  const file = fixture("torch");
  const cut = file.length - 7;
  const first = collect([file.subarray(0, cut)]);
  const second = collect([file.subarray(first.safeOffset)]);
  expect(first.warnings).toEqual([]);
  expect([...first.points, ...second.points]).toEqual(collect([file]).points);
});

test("whatever byte is damaged, the points before it are kept, no false one is made, and the file is named once", () => {
  const file = fixture("tensorflow-1-api");
  const whole = collect([file]).points;
  fc.assert(
    fc.property(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const damaged = Buffer.from(file);
      damaged[at] = (damaged[at] as number) ^ change;
      const { points, warnings } = collect([damaged, Buffer.from("more of it")]);
      expect(points).toEqual(whole.slice(0, points.length));
      expect(points.length).toBeLessThan(whole.length + 1);
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toMatch(/^The event file 'events\.out\.tfevents\.1' is damaged: .* from byte \d+ on\.$/u);
    }),
  );
});

test("the checksum is the one of the standard", () => {
  // RFC 3720, B.4
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
});
