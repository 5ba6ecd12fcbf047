import { expect, test } from "vitest";
import { createClient } from "./client.ts";
import { ClientError } from "./client-error.ts";
import { scriptedRun } from "./scripted-run.ts";
import { ScriptedServer } from "./scripted-server.ts";

const ID = "training-DOl4q2LkR";

async function setUp() {
  const server = await ScriptedServer.start();
  server.runs.push(scriptedRun({ id: ID }));
  const client = createClient({ url: `${server.url}/`, token: server.token });
  return { server, client, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

async function failureOf(action: Promise<unknown>): Promise<ClientError> {
  const error = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ClientError);
  return error as ClientError;
}

test("a call puts parameters into the path and the query where the contract wants them", async () => {
  await using bench = await setUp();
  const run = await bench.client.call("getRun", { params: { id: ID }, query: { waitSeconds: 0 } });
  expect(run.id).toBe(ID);
  await bench.client.call("listRuns", { query: { state: ["running", "failed"], name: "a&b", cursor: undefined } });
  expect(bench.server.requests).toEqual([
    `GET /api/v1/runs/${ID}?waitSeconds=0`,
    "GET /api/v1/runs?state=running&state=failed&name=a%26b",
  ]);
});

test("a list in the query is its key repeated, so that a comma in a value stays one", async () => {
  await using bench = await setUp();
  const query = { run: [ID], key: ["loss,train", "acc"], axis: "step", buckets: 8 } as const;
  await bench.client
    .call("drawChart", { query: { ...query, run: [ID], key: ["loss,train", "acc"] } })
    .catch(() => undefined);
  expect(bench.server.requests[0]).toContain(`run=${ID}&key=loss%2Ctrain&key=acc&`);
});

test("an id is one part of the path whatever it contains", async () => {
  await using bench = await setUp();
  await failureOf(bench.client.call("getRun", { params: { id: "../../health" } }));
  expect(bench.server.requests).toEqual(["GET /api/v1/runs/..%2F..%2Fhealth"]);
});

test("an answer without a body is undefined", async () => {
  await using bench = await setUp();
  expect(await bench.client.call("deleteRun", { params: { id: ID } })).toBeUndefined();
});

test("a submission travels as manifest and ZIP, byte for byte, with its key", async () => {
  await using bench = await setUp();
  bench.server.nextRun = scriptedRun({ id: "training-000000001", state: "pending" });
  const zip = new Uint8Array([80, 75, 3, 4, 0, 255, 13, 10]);
  const modelDefinition = new Blob([zip]);
  const run = await bench.client.submit({ manifest: "name: ü\n", modelDefinition, idempotencyKey: "k" });
  expect(run.id).toBe("training-000000001");
  expect(bench.server.submissions).toEqual([{ manifest: "name: ü\n", zip: Buffer.from(zip), key: "k" }]);
});

test("what the server refuses is told in its own words", async () => {
  await using bench = await setUp();
  const error = await failureOf(bench.client.call("getRun", { params: { id: "training-xxxxxxxxx" } }));
  expect(error).toMatchObject({
    kind: "problem",
    message: "No run has the id 'training-xxxxxxxxx'.",
    hint: "Do better.",
    problem: { code: "run_not_found" },
  });
});

test("a server that is not there is unreachable, with the address and the reason", async () => {
  await using bench = await setUp();
  await bench.server.close();
  const error = await failureOf(bench.client.call("health", {}));
  expect(error.kind).toBe("unreachable");
  expect(error.message).toBe(`The server at ${bench.server.url} cannot be reached (nothing listens there).`);
});

test("an answer that breaks off is unreachable, never half a log", async () => {
  await using bench = await setUp();
  bench.server.appendLog(ID, "0123456789");
  bench.server.faults.push("cut-body");
  const error = await failureOf(bench.client.readLog(ID, { offset: 0 }));
  expect(error.kind).toBe("unreachable");
});

test("an answer of something else is named as such", async () => {
  const fetch = async () => new Response("<html>Bad gateway</html>", { status: 502 });
  const client = createClient({ url: "http://proxy.example", token: "t", fetch });
  const error = await failureOf(client.call("health", {}));
  expect(error.kind).toBe("unexpected");
  expect(error.message).toContain("GET /health gave status 502");
});

test("an abort rejects with the signal's own reason", async () => {
  await using bench = await setUp();
  bench.server.appendLog(ID, "");
  const controller = new AbortController();
  const reading = bench.client.readLog(ID, { offset: 0, waitSeconds: 30, signal: controller.signal });
  const reason = new Error("enough");
  controller.abort(reason);
  await expect(reading).rejects.toBe(reason);
});
