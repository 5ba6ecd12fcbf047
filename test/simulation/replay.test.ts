import { expect, test } from "vitest";
import { simulate } from "./simulation.ts";

test("the same seed goes through the same steps twice", async () => {
  const [first, again] = [await simulate(11), await simulate(11)];
  expect(again).toEqual(first);
  expect(first).toMatchObject({ violation: null, hash: expect.stringMatching(/^[0-9a-f]{8}$/) });
});

test("seeds differ", async () => {
  expect((await simulate(1)).hash).not.toBe((await simulate(2)).hash);
});
