import { expect, test } from "vitest";
import { groupCollector, type PatternGroup } from "./group-collector.ts";

const SEEN = new Date(Date.UTC(2026, 5, 1, 12));

function group(fields: Partial<PatternGroup>): PatternGroup {
  return { label: "test", regex: "", meta: {}, scalars: [], etimes: [], ...fields };
}

function collect(groups: readonly PatternGroup[], log: string, lookahead: number | null = null) {
  const collector = groupCollector(groups, lookahead);
  const parts = [collector.push(Buffer.from(log), SEEN), collector.finish(SEEN)];
  return { records: parts.flatMap(({ records }) => records), warnings: parts.flatMap(({ warnings }) => warnings) };
}

const CAFFE = group({
  regex: "%{GLOG_STAMP:timestamp}.*Iteration (?P<iteration>\\d+), loss = %{FLOAT:loss}",
  meta: { time: "$timestamp" },
  scalars: [{ key: "loss", type: "FLOAT", value: "$loss" }],
  etimes: [{ key: "iteration", type: "INT", value: "$iteration" }],
});

test("FfDL's macros and Python's named groups find values, positions and the program's own time", () => {
  const { records, warnings } = collect(
    [CAFFE],
    "I0301 12:30:45.123456  7 solver.cpp:228] Iteration 100, loss = 2.3e-1\n",
  );
  expect(warnings).toEqual([]);
  expect(records).toEqual([
    {
      group: "test",
      at: new Date(Date.UTC(2026, 2, 1, 12, 30, 45, 123)),
      isOwnTime: true,
      step: 100,
      etimes: { iteration: { type: "INT", value: 100 } },
      values: { loss: { type: "FLOAT", value: 0.23 } },
      subId: null,
    },
  ]);
});

const TWO_LINES = group({
  regex: "Step (?P<step>\\d+)\\n\\s*accuracy: (?P<accuracy>[\\d.]+)",
  scalars: [{ key: "accuracy", type: "FLOAT", value: "$accuracy" }],
  etimes: [{ key: "iteration", type: "INT", value: "$step" }],
});

test("a match may span lines, and each line begins one match only", () => {
  const { records } = collect([TWO_LINES], "Step 1\n accuracy: 0.5\nStep 2\n accuracy: 0.75\nother\n");
  expect(records.map(({ step, values }) => [step, values["accuracy"]?.value])).toEqual([
    [1, 0.5],
    [2, 0.75],
  ]);
});

test("a match that needs more lines than are looked ahead is none", () => {
  const far = group({ ...TWO_LINES, regex: "Step (?P<step>\\d+)\\n\\n\\n(?P<accuracy>[\\d.]+)" });
  // Empty lines are no lines here: what carriage returns leave behind would be in everybody's way.
  expect(collect([far], "Step 1\nx\ny\n0.5\n", 2).records).toEqual([]);
});

test("constants, texts and absent groups of a pattern are read as the manifest says", () => {
  const fields = group({
    regex: "done(?: with (?P<note>\\w+))?(?: at (?P<rate>[\\d.]+%))?",
    scalars: [
      { key: "note", type: "STRING", value: "$note" },
      { key: "rate", type: "FLOAT", value: "$rate" },
      { key: "constant", type: "INT", value: "7.9" },
    ],
  });
  expect(collect([fields], "done at 50%\n").records[0]?.values).toEqual({
    rate: { type: "FLOAT", value: 0.5 },
    constant: { type: "INT", value: 7 },
  });
});

test("a pattern that cannot be compiled is named, and the others go on", () => {
  const { records, warnings } = collect(
    [group({ label: "broken", regex: "(" }), CAFFE],
    "I0301 12:30:45.1 x] Iteration 1, loss = 1\n",
  );
  expect(warnings).toEqual(["The pattern of group 'broken' cannot be used: /(/g: Unterminated group."]);
  expect(records).toHaveLength(1);
});

test("an unknown macro is named beside those that exist", () => {
  expect(collect([group({ regex: "%{WORD:x}" })], "x\n").warnings[0]).toMatch(
    /no macro %\{WORD:x\}; there are GLOG_STAMP/u,
  );
});

test("a pattern that backtracks for ever is cut off after three lines and named, and the others go on", () => {
  const line = `${"a".repeat(40)}b I0301 12:30:45.1 x] Iteration 1, loss = 1\n`;
  const { records, warnings } = collect([group({ label: "slow", regex: "(a+)+$" }), CAFFE], line.repeat(5));
  expect(warnings).toEqual(["The pattern of group 'slow' took too long on three lines and is used no more: (a+)+$"]);
  expect(records).toHaveLength(5);
});

test("a reader that begins anew at the safe offset gives each match once", () => {
  const log = Buffer.from(Array.from({ length: 20 }, (_, i) => `Step ${i}\n accuracy: 0.${i}\n`).join(""));
  const found: (number | null)[] = [];
  let offset = 0;
  for (let end = 7; end < log.length; end += 7) {
    // A new reader for every few bytes, as if the server died after each.
    const collector = groupCollector([TWO_LINES], 2);
    found.push(...collector.push(log.subarray(offset, end), SEEN).records.map(({ step }) => step));
    offset += collector.safeOffset;
  }
  const last = groupCollector([TWO_LINES], 2);
  const rest = [...last.push(log.subarray(offset), SEEN).records, ...last.finish(SEEN).records];
  found.push(...rest.map(({ step }) => step));
  expect(found).toEqual(Array.from({ length: 20 }, (_, i) => i));
});
