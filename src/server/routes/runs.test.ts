import { expect, test } from "vitest";
import { RetentionView } from "../../contract/retention.ts";
import { RunView } from "../../contract/run.ts";
import { startTestServer, TOKEN } from "../test-server.ts";

const headers = { authorization: TOKEN };

test("a run is shown whole, with the reason why it waits and without a credential", async () => {
  await using server = await startTestServer();
  const run = await server.addRun("mnist");
  const reply = await server.app.inject({ url: `/api/v1/runs/${run.id}`, headers });
  expect(reply.statusCode).toBe(200);
  expect(RunView.parse(reply.json())).toMatchObject({
    id: run.id,
    name: "mnist",
    owner: "admin",
    state: "pending",
    waiting: { reason: "Waits for 1 device.", position: 1 },
    results: { type: "s3", location: "https://s3.example.org/x", folder: run.id, objects: null },
    failure: null,
  });
  expect(reply.body).not.toContain("secret");
});

test("a run is shown with what the contract lists, and nothing else", async () => {
  await using server = await startTestServer();
  const { id } = await server.addRun();
  const shown = (await server.app.inject({ url: `/api/v1/runs/${id}`, headers })).json<unknown>();
  expect(RunView.parse(shown)).toEqual(shown);
});

test("a failed run says whose turn it is, with the last lines of its log", async () => {
  await using server = await startTestServer();
  const { id } = await server.addRun();
  server.runs.move(id, "downloading");
  server.runs.move(id, "running", { startedAt: new Date(), devices: ["cpu-0"] });
  server.runs.move(id, "storing");
  server.runs.move(id, "failed", {
    failure: {
      cause: "program_exit",
      phase: "running",
      attempt: 1,
      learner: null,
      exitCode: 3,
      signal: null,
      message: "The program ended with exit code 3.",
      hint: "Read the log.",
      logTail: ["ValueError: no"],
    },
  });
  const { state, failure, devices, endedAt, waiting } = (
    await server.app.inject({ url: `/api/v1/runs/${id}`, headers })
  ).json<RunView>();
  expect({ state, devices, waiting }).toEqual({ state: "failed", devices: [], waiting: null });
  expect(endedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(failure).toMatchObject({ cause: "program_exit", turn: "program", exitCode: 3, logTail: ["ValueError: no"] });
});

test("a wait answers as soon as the version grows", async () => {
  await using server = await startTestServer();
  const url = await server.listen();
  const { id } = await server.addRun();
  const waiting = fetch(`${url}/api/v1/runs/${id}?afterVersion=1&waitSeconds=60`, { headers });
  await server.runs.nextWait(id);
  server.runs.move(id, "downloading");
  expect(await (await waiting).json()).toMatchObject({ version: 2, state: "downloading" });
});

test("a wait does not wait when the version has grown already", async () => {
  await using server = await startTestServer();
  const { id } = await server.addRun();
  server.runs.move(id, "downloading");
  const reply = await server.app.inject({ url: `/api/v1/runs/${id}?afterVersion=1&waitSeconds=60`, headers });
  expect(reply.json<RunView>().version).toBe(2);
});

test("a wait whose time is up answers the run as it is", async () => {
  await using server = await startTestServer();
  const { id } = await server.addRun();
  const reply = await server.app.inject({ url: `/api/v1/runs/${id}?afterVersion=1&waitSeconds=0.05`, headers });
  expect([reply.statusCode, reply.json<RunView>().version]).toEqual([200, 1]);
});

test("a client that goes away ends its wait", async () => {
  await using server = await startTestServer();
  const url = await server.listen();
  const { id } = await server.addRun();
  const client = new AbortController();
  const waiting = fetch(`${url}/api/v1/runs/${id}/log?waitSeconds=60`, { headers, signal: client.signal });
  waiting.catch(() => {});
  await server.runs.nextWait(id);
  client.abort();
  await expect(waiting).rejects.toThrow();
  await server.runs.waitsEnded(id);
});

test("a list comes newest first, page by page, filtered by state, name and beginning of the id", async () => {
  await using server = await startTestServer();
  const ids: string[] = [];
  for (const name of ["a", "b", "ab"]) ids.push((await server.addRun(name)).id);
  server.runs.move(ids[1] as string, "canceled");
  const list = async (query: string) => {
    const reply = await server.app.inject({ url: `/api/v1/runs?${query}`, headers });
    const { runs, nextCursor } = reply.json<{ runs: RunView[]; nextCursor: string | null }>();
    return { ids: runs.map((run) => run.id), nextCursor };
  };
  const newestFirst = ids.toReversed();
  const first = await list("limit=2");
  expect(first.ids).toEqual(newestFirst.slice(0, 2));
  expect(await list(`limit=2&cursor=${first.nextCursor}`)).toEqual({ ids: newestFirst.slice(2), nextCursor: null });
  expect((await list("state=canceled,running")).ids).toEqual([ids[1]]);
  expect((await list("state=canceled&state=pending")).ids).toEqual(newestFirst);
  expect((await list("name=a")).ids).toEqual([ids[2], ids[0]]);
  expect((await list(`idPrefix=${ids[0]}`)).ids).toEqual([ids[0]]);
});

test("a stop takes its grace from the body, leaves it to the service where there is none, and is written down", async () => {
  await using server = await startTestServer();
  const { id } = await server.addRun();
  const url = `/api/v1/runs/${id}/stop`;
  const plain = await server.app.inject({ method: "POST", url, headers });
  expect(plain.statusCode).toBe(202);
  expect(plain.json<RunView>().stopRequestedAt).not.toBeNull();
  expect((await server.runs.get(id)).stopGraceMs).toBeNull();
  await server.app.inject({ method: "POST", url, headers, payload: { graceSeconds: 1.5 } });
  expect((await server.runs.get(id)).stopGraceMs).toBe(1_500);
});

test("a run that has not ended is not deleted, and one that has is gone", async () => {
  await using server = await startTestServer();
  const { id } = await server.addRun();
  const remove = () => server.app.inject({ method: "DELETE", url: `/api/v1/runs/${id}`, headers });
  const early = await remove();
  expect([early.statusCode, early.json<{ code: string }>().code]).toEqual([409, "run_not_ended"]);
  server.runs.move(id, "canceled");
  const late = await remove();
  expect([late.statusCode, late.body]).toEqual([204, ""]);
  expect((await server.app.inject({ url: `/api/v1/runs/${id}`, headers })).statusCode).toBe(404);
});

test("a deletion that can be taken back answers with the run and its time, and lists leave it out", async () => {
  await using server = await startTestServer();
  server.runs.undoMs = 60_000;
  const { id } = await server.addRun();
  server.runs.move(id, "canceled");
  const ask = async (method: "GET" | "POST" | "DELETE", path: string) =>
    server.app.inject({ method, url: `/api/v1/runs${path}`, headers });
  const listed = async (query: string) =>
    (await ask("GET", query)).json<{ runs: RunView[] }>().runs.map((run) => run.id);
  const reply = await ask("DELETE", `/${id}`);
  expect(reply.statusCode).toBe(202);
  const { deletedAt, undoUntil } = RunView.parse(reply.json());
  expect(Date.parse(undoUntil ?? "") - Date.parse(deletedAt ?? "")).toBe(60_000);
  expect([await listed(""), await listed("?deleted=true"), await listed("?deleted=false")]).toEqual([[], [id], []]);
  expect((await ask("GET", "?deleted=yes")).statusCode).toBe(400);
  const restored = await ask("POST", `/${id}/restore`);
  expect([restored.statusCode, RunView.parse(restored.json()).undoUntil]).toEqual([200, null]);
  expect(await listed("")).toEqual([id]);
  expect((await ask("DELETE", `/${id}?now=true`)).statusCode).toBe(204);
  expect((await ask("POST", `/${id}/restore`)).statusCode).toBe(404);
});

test("the plan of retention is shown with what the contract lists, and nothing else", async () => {
  await using server = await startTestServer();
  const [{ id }] = [await server.addRun("mnist"), await server.addRun()];
  server.runs.move(id, "canceled");
  const reply = await server.app.inject({ url: "/api/v1/retention?limit=5", headers });
  const shown = reply.json<unknown>();
  expect(RetentionView.parse(shown)).toEqual(shown);
  expect(shown).toMatchObject({
    days: 7,
    notEnded: 1,
    runs: [{ id, name: "mnist", verdict: "keep", reason: "younger", until: "1970-01-01T00:00:00.007Z" }],
  });
  const refused = await server.app.inject({ url: "/api/v1/retention?limit=0", headers });
  expect(refused.statusCode).toBe(400);
});

test("events tell the story in order, after a sequence and up to a limit", async () => {
  await using server = await startTestServer();
  const { id } = await server.addRun();
  server.runs.move(id, "downloading");
  server.runs.move(id, "running");
  const reply = await server.app.inject({ url: `/api/v1/runs/${id}/events?afterSequence=1&limit=1`, headers });
  expect(reply.json()).toEqual({
    events: [{ sequence: 2, at: expect.any(String), type: "state", message: "Now downloading." }],
  });
});

test("results name their bucket and folder, and where the list comes from", async () => {
  await using server = await startTestServer();
  const { id } = await server.addRun();
  const reply = await server.app.inject({ url: `/api/v1/runs/${id}/results`, headers });
  expect(reply.json()).toEqual({
    bucket: { type: "s3", bucket: "mnist", location: "https://s3.example.org/x" },
    folder: id,
    source: "local",
    objects: [{ key: "model", sizeBytes: 3 }],
    truncated: false,
  });
});
