import { expect, test } from "vitest";
import type { LogMatches, LogRows } from "../../contract/log.ts";
import { startTestServer, TOKEN } from "../test-server.ts";

const ESC = "\u001B";

async function startWithLog(text: string) {
  const server = await startTestServer();
  const { id } = await server.addRun();
  if (text !== "") server.runs.write(id, text);
  const get = async (path: string) => {
    const url = `/api/v1/runs/${id}/log/${path}`;
    return server.app.inject({ url, headers: { authorization: TOKEN } });
  };
  return {
    server,
    write: (more: string) => server.runs.write(id, more),
    rows: async (query: string) => (await get(`rows?${query}`)).json<LogRows>(),
    search: async (query: string) => (await get(`search?${query}`)).json<LogMatches>(),
    get,
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  };
}

test("nested bars are one row each, and a raw line leads to the row it was drawn in", async () => {
  const bars = Array.from({ length: 50 }, (_, i) => `outer ${i}\ninner ${i}\n${ESC}[2A`).join("");
  await using log = await startWithLog(`start\n${bars}\n\nend\n`);
  const all = await log.rows("");
  expect(all.rows.map(({ row, line, text }) => [row, line, text])).toEqual([
    [1, 1, "start"],
    [2, 2, "outer 49"],
    [3, 3, "inner 49"],
    [4, 4, "end"],
  ]);
  expect([all.totalRows, all.totalLines, all.isComplete]).toEqual([4, 104, false]);
  const around = await log.rows("line=51&before=1&count=2");
  expect([around.at, around.rows.map(({ row }) => row)]).toEqual([3, [2, 3]]);
  expect((await log.rows("offset=7")).at).toBe(2);
  expect((await log.rows("line=105")).at).toBe(null);
});

test("negative rows count from the end, and a log that grows goes on with the same numbers", async () => {
  await using log = await startWithLog("one\ntwo\nthr");
  expect((await log.rows("from=-2")).rows.map(({ row, text }) => [row, text])).toEqual([
    [2, "two"],
    [3, "thr"],
  ]);
  log.write("ee\nfour\n");
  expect((await log.rows("from=3")).rows.map(({ row, text }) => [row, text])).toEqual([
    [3, "three"],
    [4, "four"],
  ]);
});

test("a log that has not begun has no rows", async () => {
  await using log = await startWithLog("");
  expect(await log.rows("")).toMatchObject({ rows: [], totalRows: 0, totalLines: 0, timesFrom: null });
});

test("rows are asked for by one place", async () => {
  await using log = await startWithLog("one\n");
  expect((await log.get("rows?line=1&from=1")).statusCode).toBe(400);
});

test("a search finds each line once, and goes on where it ended", async () => {
  await using log = await startWithLog("loss a a\nacc\nloss b\n10 %\r50 % loss c\r60 %\n");
  const first = await log.search("q=loss&limit=2");
  expect(first.matches).toEqual([
    { line: 1, offset: 0, text: "loss a a" },
    { line: 3, offset: 13, text: "loss b" },
  ]);
  const second = await log.search(`q=loss&limit=2&cursor=${first.cursor}`);
  expect(second).toMatchObject({ matches: [{ line: 4, text: "50 % loss c" }], cursor: null });
});

test("a pattern finds lines from their beginning", async () => {
  await using log = await startWithLog("é loss=1\nloss=2\nno\nloss=33");
  const { matches } = await log.search(`regex=true&q=${encodeURIComponent("^loss=\\d+$")}`);
  expect(matches).toEqual([
    { line: 2, offset: 10, text: "loss=2" },
    { line: 4, offset: 20, text: "loss=33" },
  ]);
});

test("a pattern that never ends is refused, and the server goes on", async () => {
  await using log = await startWithLog(`${"a".repeat(100)}!\n`);
  const reply = await log.get(`search?regex=true&q=${encodeURIComponent("^(a+)+$")}`);
  expect([reply.statusCode, reply.json<{ detail: string }>().detail]).toEqual([
    400,
    "The pattern '^(a+)+$' takes too long on this log.",
  ]);
  expect((await log.search("regex=true&q=a!")).matches).toHaveLength(1);
});

test("what is no pattern or cursor is refused", async () => {
  await using log = await startWithLog("one\n");
  expect((await log.get("search?regex=true&q=(")).statusCode).toBe(400);
  expect((await log.get("search?q=a&cursor=x")).statusCode).toBe(400);
});

test("a secret is neither found nor shown", async () => {
  await using log = await startWithLog("");
  log.server.runs.secrets.push("correct-horse");
  log.write("key correct-horse\n");
  expect((await log.search("q=correct-horse")).matches).toEqual([]);
  expect((await log.rows("")).rows[0]?.text).toBe(`key ${"*".repeat(13)}`);
});
