import fc from "fast-check";
import { expect, test } from "vitest";
import { LineSplitter, MAX_LINE_BYTES } from "./line-splitter.ts";

function split(parts: readonly Uint8Array[]): string[] {
  const splitter = new LineSplitter();
  return [...parts.flatMap((part) => splitter.push(part)), ...splitter.finish()].map(({ text }) => text);
}

test("however a log arrives in portions, the same lines come out", () => {
  const log = fc.string({ unit: fc.constantFrom("a", "é", "🚂", "\n", "\r", " ") });
  fc.assert(
    fc.property(log, fc.array(fc.nat()), (text, cuts) => {
      const bytes = Buffer.from(text);
      const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
      const parts = edges.slice(1).map((end, i) => bytes.subarray(edges[i], end));
      expect(split(parts)).toEqual(text.split(/[\r\n]/u).filter((line) => line !== ""));
    }),
  );
});

test("of an endless line the beginning is kept, and the next line is whole again", () => {
  const portion = Buffer.alloc(MAX_LINE_BYTES, "x");
  const lines = split([portion, portion, portion, Buffer.from("\nnext\n")]);
  expect(lines.map((line) => line.length)).toEqual([MAX_LINE_BYTES, 4]);
});

test("each line says where the next one begins", () => {
  const splitter = new LineSplitter();
  expect(splitter.push(Buffer.from("one\ntwo\n\nthr"))).toEqual([
    { text: "one", end: 4 },
    { text: "two", end: 8 },
  ]);
  expect(splitter.push(Buffer.from("ee"))).toEqual([]);
  expect(splitter.finish()).toEqual([{ text: "three", end: 14 }]);
});

test("bytes that are no UTF-8 do not hide the line", () => {
  expect(split([Buffer.from([0xff, 0xfe, 0x61, 0x0a])])).toEqual(["\ufffd\ufffda"]);
});
