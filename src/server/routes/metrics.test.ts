import { expect, test } from "vitest";
import { ChartView } from "../../contract/metrics.ts";
import { startTestServer, TOKEN } from "../test-server.ts";

const headers = { authorization: TOKEN };

test.each([1, 10, 300, 1000])("a chart of %i runs stays below 200 kB, however wide it was wanted", async (runs) => {
  await using server = await startTestServer();
  const ids = Array.from({ length: runs }, (_, i) => `training-${String(i).padStart(9, "0")}`);
  const url = `/api/v1/metrics/chart?buckets=2000&key=loss&run=${ids.join(",")}`;
  const reply = await server.app.inject({ method: "GET", url, headers });
  expect(reply.statusCode).toBe(200);
  expect(reply.body.length).toBeLessThanOrEqual(200_000);
  const { series, truncated } = ChartView.parse(reply.json());
  expect(truncated).toBe(series.length < runs);
  expect(series.length).toBeGreaterThan(runs / 2);
  expect(series[0]?.bucket.length).toBeGreaterThanOrEqual(runs === 1 ? 1500 : 2);
});

test("followed metrics begin with what there is, and end with the run", async () => {
  await using server = await startTestServer();
  const run = await server.addRun();
  server.runs.move(run.id, "downloading");
  server.runs.move(run.id, "running");
  server.runs.move(run.id, "storing");
  server.runs.move(run.id, "completed");
  const reply = await server.app.inject({ method: "GET", url: `/api/v1/runs/${run.id}/metrics/events`, headers });
  expect(reply.headers["content-type"]).toContain("text/event-stream");
  expect(reply.body).toMatch(/^retry: \d+\n\n: still here\n\nevent: end\ndata: \{\}\n\n$/);
});

test("a condition or an order that cannot be read is refused with the way to write it", async () => {
  await using server = await startTestServer();
  for (const query of ["metric=loss", "sort=loss", "metric=loss<x"]) {
    const reply = await server.app.inject({ method: "GET", url: `/api/v1/runs?${query}`, headers });
    expect([reply.statusCode, reply.json<{ hint: string }>().hint]).toEqual([
      400,
      expect.stringContaining("Write it as"),
    ]);
  }
});
