import * as fc from "fast-check";
import type { LightMyRequestResponse as Response } from "fastify";
import { expect, test } from "vitest";
import { startTestServer, TOKEN, type TestServer } from "../test-server.ts";

async function startWithLog(text: string): Promise<{ server: TestServer; id: string; read: Read }> {
  const server = await startTestServer();
  const { id } = await server.addRun();
  if (text !== "") server.runs.write(id, text);
  const read: Read = async (query = "", headers = {}) =>
    server.app.inject({ url: `/api/v1/runs/${id}/log${query}`, headers: { authorization: TOKEN, ...headers } });
  return { server, id, read };
}

type Read = (query?: string, headers?: Record<string, string>) => Promise<Response>;

test("a log is plain text that no browser takes for anything else", async () => {
  const { server, read } = await startWithLog("<script>é\n");
  await using _ = server;
  const reply = await read();
  expect(reply.body).toBe("<script>é\n");
  expect(reply.headers).toMatchObject({
    "content-type": "text/plain; charset=utf-8",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "content-length": "11",
    "trainyard-log-size": "11",
    "trainyard-log-complete": "false",
  });
});

test("a log that has not begun is empty and not complete", async () => {
  const { server, read } = await startWithLog("");
  await using _ = server;
  const reply = await read();
  expect([reply.statusCode, reply.body, reply.headers["trainyard-log-size"]]).toEqual([200, "", "0"]);
});

test("an ended run's log is complete", async () => {
  const { server, id, read } = await startWithLog("last");
  await using _ = server;
  server.runs.move(id, "canceled");
  expect((await read("?offset=4&waitSeconds=60")).headers).toMatchObject({
    "trainyard-log-complete": "true",
    "content-length": "0",
  });
});

test("offset and limit cut by bytes", async () => {
  const { server, read } = await startWithLog("0123456789");
  await using _ = server;
  expect((await read("?offset=2&limit=3")).body).toBe("234");
  expect((await read("?offset=8&limit=30")).body).toBe("89");
  expect((await read("?offset=10")).body).toBe("");
});

test.each([
  ["bytes=0-3", "0123", "bytes 0-3/10"],
  ["bytes=7-", "789", "bytes 7-9/10"],
  ["bytes=-2", "89", "bytes 8-9/10"],
  ["bytes=8-100", "89", "bytes 8-9/10"],
  ["bytes=-100", "0123456789", "bytes 0-9/10"],
])("the range %s is answered with 206 and its place", async (range, body, contentRange) => {
  const { server, read } = await startWithLog("0123456789");
  await using _ = server;
  const reply = await read("", { range });
  expect([reply.statusCode, reply.body, reply.headers["content-range"]]).toEqual([206, body, contentRange]);
});

test.each<[string, Record<string, string>]>([
  ["?offset=11", {}],
  ["", { range: "bytes=10-" }],
  ["", { range: "bytes=-0" }],
])("what begins behind the end (%s %o) is answered with 416 and the size", async (query, headers) => {
  const { server, read } = await startWithLog("0123456789");
  await using _ = server;
  const reply = await read(query, headers);
  expect([reply.statusCode, reply.headers["content-range"]]).toEqual([416, "bytes */10"]);
  expect(reply.json()).toMatchObject({ code: "range_not_satisfiable", status: 416 });
});

test.each(["bytes=5-2", "bytes=-", "lines=1-2", "bytes=0-1,4-5", "bytes=a-b"])(
  "the range %s is refused with how to write one",
  async (range) => {
    const { server, read } = await startWithLog("0123456789");
    await using _ = server;
    const reply = await read("", { range });
    expect([reply.statusCode, reply.json<{ code: string }>().code]).toEqual([400, "request_invalid"]);
  },
);

test("a wait answers with the first new bytes", async () => {
  const { server, id, read } = await startWithLog("old ");
  await using _ = server;
  const waiting = read("?offset=4&waitSeconds=60");
  const reply = waiting.then((answer) => answer.body);
  await server.runs.nextWait(id);
  server.runs.write(id, "new");
  expect(await reply).toBe("new");
});

test("a wait ends with the log", async () => {
  const { server, id, read } = await startWithLog("all");
  await using _ = server;
  const waiting = read("?offset=3&waitSeconds=60").then((answer) => answer.headers["trainyard-log-complete"]);
  await server.runs.nextWait(id);
  server.runs.move(id, "canceled");
  expect(await waiting).toBe("true");
});

test("a large log goes through a real connection whole, and a reader that stops holds nothing up", async () => {
  await using server = await startTestServer();
  const url = await server.listen();
  const { id } = await server.addRun();
  server.runs.write(id, Buffer.alloc(8_000_000, "0123456789"));
  const headers = { authorization: TOKEN, range: "bytes=0-" };
  const slow = new AbortController();
  const unread = await fetch(`${url}/api/v1/runs/${id}/log`, { headers, signal: slow.signal });
  const reply = await fetch(`${url}/api/v1/runs/${id}/log`, { headers });
  const text = await reply.text();
  expect([reply.status, text.length, text.slice(-10)]).toEqual([206, 8_000_000, "0123456789"]);
  expect(unread.status).toBe(206);
  slow.abort();
});

test("any offsets and limits, one after another, give the log byte for byte", async () => {
  const { server, read } = await startWithLog("The quick brown fox jumps over the lazy dog.\n");
  await using _ = server;
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 50 }), async (limit) => {
      let log = "";
      while (true) {
        const reply = await read(`?offset=${log.length}&limit=${limit}`);
        if (reply.body === "") break;
        expect(reply.body.length).toBeLessThanOrEqual(limit);
        log += reply.body;
      }
      expect(log).toBe("The quick brown fox jumps over the lazy dog.\n");
    }),
    { numRuns: 20 },
  );
});
