import { expect, test } from "vitest";
import { systemClock } from "../../base/clock.ts";
import { Delays } from "./delays.ts";

test("the latest reason counts, and the time of the first", () => {
  let hour = 0;
  const delays = new Delays({ ...systemClock, now: () => new Date(Date.UTC(2026, 0, 1, (hour += 1))) });
  delays.tell("one", "It does not answer.");
  delays.tell("one", "It refuses connections.");
  expect(delays.of("one")).toEqual({ reason: "It refuses connections.", since: new Date(Date.UTC(2026, 0, 1, 1)) });
  expect(delays.of("other")).toBeNull();
  delays.end("one");
  expect(delays.of("one")).toBeNull();
});

test("a delay is not told any more once things have gone on, and a later one counts from its own time", () => {
  let moved = 0;
  let hour = 0;
  const delays = new Delays({ ...systemClock, now: () => new Date(Date.UTC(2026, 0, 1, (hour += 1))) });
  delays.tell("one", "It does not answer.", () => moved > 0);
  expect(delays.of("one")).not.toBeNull();
  moved = 1;
  expect(delays.of("one")).toBeNull();
  delays.tell("one", "It does not answer again.", () => moved > 1);
  expect(delays.of("one")?.since).toEqual(new Date(Date.UTC(2026, 0, 1, 2)));
});
