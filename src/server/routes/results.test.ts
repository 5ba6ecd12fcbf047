import { expect, test } from "vitest";
import { startTestServer, TOKEN } from "../test-server.ts";

const headers = { authorization: TOKEN };

test("results of an ended run are asked to be stored again, with or without a body", async () => {
  await using server = await startTestServer();
  const { id } = await server.addRun();
  const ask = async (payload?: object) => {
    const body = payload === undefined ? {} : { payload };
    return server.app.inject({ method: "POST", url: `/api/v1/runs/${id}/results/retry`, headers, ...body });
  };
  const early = await ask();
  expect([early.statusCode, early.json<{ code: string }>().code]).toEqual([409, "run_still_lives"]);
  for (const state of ["downloading", "storing", "failed"] as const) server.runs.move(id, state);
  for (const payload of [undefined, {}, { manifest: "name: x" }]) expect((await ask(payload)).statusCode).toBe(202);
  expect((await ask({ manifest: 7 })).statusCode).toBe(400);
  expect((await ask({ credentials: "x" })).statusCode).toBe(400);
});
