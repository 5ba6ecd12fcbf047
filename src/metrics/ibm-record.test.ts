import fc from "fast-check";
import { expect, test } from "vitest";
import { readIbmRecord, writeIbmRecord } from "./ibm-record.ts";
import { LATEST_MS, type MetricRecord, type MetricValue } from "./metric-record.ts";

const SEEN = new Date(Date.UTC(2026, 0, 1));

test("a record as emetrics.py writes it is read with its time, its position and its group", () => {
  const line =
    '{"meta": {"training_id": "training-x", "time": 1530778263123, "rindex": 1, "subid": "2"}, "grouplabel": "test", ' +
    '"etimes": {"iteration": {"type": 2, "value": "10"}, "time_stamp": {"value": "2018-07-05 08:11:03.1530778263"}}, ' +
    '"values": {"accuracy": {"type": 3, "value": "0.6"}, "best": {"type": 2, "value": "True"}}}';
  expect(readIbmRecord(line, SEEN)).toEqual({
    group: "test",
    at: new Date(1530778263123),
    isOwnTime: true,
    step: 10,
    etimes: {
      iteration: { type: "INT", value: 10 },
      time_stamp: { type: "STRING", value: "2018-07-05 08:11:03.1530778263" },
    },
    values: { accuracy: { type: "FLOAT", value: 0.6 }, best: { type: "INT", value: 1 } },
    subId: "2",
  });
});

test("FfDL's own form, with words for types and numbers as they are, is read as well", () => {
  const line =
    '{"grouplabel":"train","etimes":{"epoch":{"type":"INT","value":3}},"values":{"loss":{"type":"FLOAT","value":0.25}}}';
  expect(readIbmRecord(line, SEEN)).toMatchObject({
    group: "train",
    at: SEEN,
    isOwnTime: false,
    step: 3,
    values: { loss: { type: "FLOAT", value: 0.25 } },
  });
});

test.each(["", "Iter 1, loss=2", "[]", "{", '{"values": 3}', '{"loss": 0.5}', "null"])("'%s' is no record", (line) => {
  expect(readIbmRecord(line, SEEN)).toBeNull();
});

const value: fc.Arbitrary<MetricValue> = fc.oneof(
  fc
    .double({ noDefaultInfinity: false })
    .map((number) => ({ type: "FLOAT" as const, value: number === 0 ? 0 : number })),
  fc.integer().map((number) => ({ type: "INT" as const, value: number })),
  fc.string().map((text) => ({ type: "STRING" as const, value: text })),
);
const name = fc.string({ minLength: 1 }).filter((text) => text !== "__proto__");

test("what is written is read again as it was", () => {
  const record = fc.record({
    group: fc.string(),
    at: fc.date({ min: new Date(1), max: new Date(LATEST_MS), noInvalidDate: true }),
    values: fc.dictionary(name, value, { minKeys: 1, noNullPrototype: true }),
    subId: fc.oneof(fc.constant(null), fc.string({ minLength: 1 })),
    iteration: fc.integer(),
  });
  fc.assert(
    fc.property(record, ({ iteration, ...rest }) => {
      const etimes = { iteration: { type: "INT" as const, value: iteration } };
      const written: MetricRecord = { ...rest, isOwnTime: true, step: iteration, etimes };
      expect(readIbmRecord(writeIbmRecord(written, "training-x", 1), SEEN)).toEqual(written);
    }),
  );
});

test("a time that nobody could be told is when the record was seen", () => {
  for (const time of ["1e300", "9e15", "-1", '"x"']) {
    const record = readIbmRecord(`{"meta": {"time": ${time}}, "values": {"loss": {"type": 3, "value": "1"}}}`, SEEN);
    expect([record?.at, record?.isOwnTime]).toEqual([SEEN, false]);
  }
});
