import fc from "fast-check";
import { expect, test } from "vitest";
import { backoffDelayMs } from "./backoff.ts";

const policy = { attempts: 5, firstDelayMs: 100, maxDelayMs: 1000 };

test("pauses double until the cap, and lie between half the step and the step", () => {
  const longest = [1, 2, 3, 4, 5, 60].map((attempt) => backoffDelayMs(policy, attempt, () => 1));
  expect(longest).toEqual([100, 200, 400, 800, 1000, 1000]);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), (attempt) => {
      const delay = backoffDelayMs(policy, attempt);
      const step = backoffDelayMs(policy, attempt, () => 1);
      return delay >= step / 2 && delay <= step;
    }),
  );
});
