import { expect, test } from "vitest";
import { startBxBench } from "./test-golden.ts";

const LIST = ["ml", "list", "training-runs"];

async function setUp() {
  const bench = await startBxBench();
  const { url, token } = bench.server;
  Object.assign(bench.env, { TRAINYARD_HOME: "", ML_ENV: url, ML_PASSWORD: token, ML_USERNAME: "x", ML_INSTANCE: "y" });
  return bench;
}

test("ML_ENV and ML_PASSWORD name server and token, whatever ML_USERNAME and ML_INSTANCE say", async () => {
  await using bench = await setUp();
  await bench.write("config/login.json", JSON.stringify({ url: "http://127.0.0.1:1", token: "x" }));
  expect((await bench.bx(...LIST)).code).toBe(0);
});

test("TRAINYARD_HOME and TRAINYARD_URL win over ML_ENV", async () => {
  await using bench = await setUp();
  const { url, token } = bench.server;
  Object.assign(bench.env, { ML_ENV: "http://127.0.0.1:1", TRAINYARD_HOME: bench.home });
  expect((await bench.bx(...LIST)).code).toBe(0);
  Object.assign(bench.env, { TRAINYARD_HOME: "", TRAINYARD_URL: url, TRAINYARD_TOKEN: token });
  expect((await bench.bx(...LIST)).code).toBe(0);
});

test("our own token is not sent to the address in ML_ENV", async () => {
  await using bench = await setUp();
  Object.assign(bench.env, { ML_PASSWORD: "", TRAINYARD_TOKEN: bench.server.token });
  const { err, code } = await bench.bx(...LIST);
  expect(code).toBe(1);
  expect(err).toContain(
    `There is no token for the server at ${bench.server.url}.\nSet TRAINYARD_TOKEN (for the address in ML_ENV: ML_PASSWORD)`,
  );
  expect(bench.server.requests).toEqual([]);
});

test("the variables of bx mean nothing to trainyard", async () => {
  await using bench = await setUp();
  expect((await bench.trainyard("list")).code).toBe(6);
});
