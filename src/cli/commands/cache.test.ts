import { expect, test } from "vitest";
import { CliBench } from "../cli-bench.ts";

test("cache status shows what is kept, how often it was of use, and why by no better means", async () => {
  await using bench = await CliBench.start();
  const { code, out } = await bench.trainyard("cache", "status");
  expect(code).toBe(0);
  expect(out).toContain("4 objects, 16.4 kB of at most 1.0 MB");
  expect(out).toContain("3 objects, 3.0 kB (75 %) since the server started");
  expect(out).toContain("a copy\nAn overlay cannot be mounted: denied\n");
});

test("cache status prints the answer as it came with -o json", async () => {
  await using bench = await CliBench.start();
  const { out } = await bench.trainyard("cache", "status", "-o", "json");
  expect(JSON.parse(out)).toMatchObject({ objects: 4, hits: { objects: 3, sizeBytes: 3000 } });
});

test("cache clear says what came free", async () => {
  await using bench = await CliBench.start();
  const { code, out, err } = await bench.trainyard("cache", "clear");
  expect([code, out]).toEqual([0, ""]);
  expect(err).toContain("Freed 41.0 kB. What live runs use stayed.");
});

test("the cache can be asked for its status and emptied, and nothing else", async () => {
  await using bench = await CliBench.start();
  expect((await bench.trainyard("cache", "fill")).code).toBe(2);
});
