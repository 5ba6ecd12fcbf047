import { expect, test } from "vitest";
import { isRunId, newRunId } from "./run-id.ts";

test("new ids are 'training-' and nine letters and digits, and do not repeat", () => {
  const ids = Array.from({ length: 2000 }, newRunId);
  expect(ids.every(isRunId)).toBe(true);
  expect(new Set(ids).size).toBe(ids.length);
});

test.each(["training-DOl4q2Lk", "training-DOl4q2Lk_", "../DOl4q2LkR", "training-DOl4q2LkR/", "model-DOl4q2LkR", ""])(
  "'%s' is not a run id",
  (text) => {
    expect(isRunId(text)).toBe(false);
  },
);
