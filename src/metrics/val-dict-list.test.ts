import { expect, test } from "vitest";
import { readValDictList } from "./val-dict-list.ts";

const SEEN = new Date(0);

test("the list that a search of 2017 reads gives one record for each entry", () => {
  const records = readValDictList(
    '[{"steps": 100, "accuracy": 0.6}, {"epoch": 2, "accuracy": "0.7"}, {"steps": 3}]',
    SEEN,
  );
  expect(records?.map(({ group, step, values }) => ({ group, step, accuracy: values["accuracy"]?.value }))).toEqual([
    { group: "test", step: 100, accuracy: 0.6 },
    { group: "test", step: 2, accuracy: 0.7 },
  ]);
});

test.each(["", "{}", '{"steps": 1}', "[", "3"])("'%s' is no such list", (text) => {
  expect(readValDictList(text, SEEN)).toBeNull();
});
