import { truncateSync } from "node:fs";
import { expect, test } from "vitest";
import { TOKEN, startTestServer, type TestServer } from "../test-server.ts";

interface LogEvent {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/** A follower as a program would write one; ends with the answer. */
class Follower implements AsyncDisposable {
  readonly events: LogEvent[] = [];
  readonly #abort = new AbortController();
  readonly #over: Promise<void>;
  #waiting = Promise.withResolvers<void>();

  constructor(url: string, headers: Record<string, string> = {}) {
    this.#over = this.#read(url, headers).catch((error: unknown) => {
      if (!this.#abort.signal.aborted) throw error;
    });
    this.#over.catch(() => {});
  }

  get bytes(): Buffer {
    return Buffer.concat(this.events.map(bytesOf));
  }

  async until(isThere: (events: readonly LogEvent[]) => boolean): Promise<void> {
    while (!isThere(this.events)) await this.#waiting.promise;
  }

  async untilEnd(): Promise<Buffer> {
    await this.#over;
    return this.bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#over;
  }

  async #read(url: string, headers: Record<string, string>): Promise<void> {
    const answer = await fetch(url, { headers: { authorization: TOKEN, ...headers }, signal: this.#abort.signal });
    if (answer.status !== 200 || answer.body === null) throw new Error(await answer.text());
    let rest = "";
    for await (const text of answer.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + text).split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/su, 2)));
        if (fields["id"] !== undefined) this.events.push(fields as LogEvent);
      }
      this.#waiting.resolve();
      this.#waiting = Promise.withResolvers();
    }
  }
}

function bytesOf({ event, data }: LogEvent): Buffer {
  if (event === "text") return Buffer.from(JSON.parse(data) as string);
  return event === "bytes" ? Buffer.from(data, "base64") : Buffer.of();
}

async function startFollowing() {
  const server = await startTestServer();
  const base = await server.listen();
  const run = await server.addRun();
  server.runs.move(run.id, "downloading");
  server.runs.move(run.id, "running");
  const url = `${base}/api/v1/runs/${run.id}/logs`;
  return { server, id: run.id, url, [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose]() };
}

function complete(server: TestServer, id: string): void {
  server.runs.move(id, "storing");
  server.runs.move(id, "completed");
}

test("every byte arrives once, in order, whatever the bytes are, and then the end", async () => {
  await using bundle = await startFollowing();
  const { server, id, url } = bundle;
  const parts = [
    Buffer.from("line one\n50 %\r100 %\r\n\0 NUL\n"),
    Buffer.from([0xff, 0xfe, 0x0a]),
    Buffer.from("€").subarray(0, 2),
    Buffer.from("€").subarray(2),
    Buffer.alloc(10_000_000, "ü"),
    Buffer.from("\n\nid: 1:1\ndata: forged\n\n"),
    Buffer.from("last bytes: €").subarray(0, -1),
  ];
  await using follower = new Follower(url);
  for (const [index, part] of parts.entries()) {
    const before = follower.bytes.length;
    server.runs.write(id, part);
    if (index !== 2 && index !== 6) await follower.until(() => follower.bytes.length > before);
  }
  complete(server, id);
  const all = Buffer.concat(parts);
  expect((await follower.untilEnd()).equals(all)).toBe(true);
  expect(follower.events.at(-1)).toEqual({
    id: `1:${all.length}`,
    event: "end",
    data: JSON.stringify({ attempt: 1, sizeBytes: all.length }),
  });
});

test("the last id goes on from where the connection broke, from every event of a log", async () => {
  await using bundle = await startFollowing();
  const { server, id, url } = bundle;
  server.runs.write(id, `${"ä\0\r\n".repeat(40_000)}end`);
  complete(server, id);
  await using first = new Follower(url);
  const whole = await first.untilEnd();
  for (const [index, event] of first.events.entries()) {
    await using second = new Follower(url, { "last-event-id": event.id });
    const begun = Buffer.concat(first.events.slice(0, index + 1).map(bytesOf));
    expect(Buffer.concat([begun, await second.untilEnd()]).equals(whole)).toBe(true);
  }
  expect(first.events.length).toBeGreaterThan(3);
});

test("followers who come late or stop reading get the same bytes", async () => {
  await using bundle = await startFollowing();
  const { server, id, url } = bundle;
  const slow = await fetch(url, { headers: { authorization: TOKEN } });
  const followers = Array.from({ length: 20 }, () => new Follower(url));
  for (let part = 0; part < 40; part += 1) server.runs.write(id, `${part} `.repeat(40_000));
  const late = new Follower(url);
  complete(server, id);
  const [first, ...others] = await Promise.all([...followers, late].map(async (follower) => follower.untilEnd()));
  for (const other of others) expect(other.equals(first as Buffer)).toBe(true);
  expect((await slow.text()).match(/^event: end$/gmu)).toHaveLength(1);
});

test("a secret never leaves, also when it is written in two parts; its beginning waits for what follows", async () => {
  await using bundle = await startFollowing();
  const { server, id, url } = bundle;
  server.runs.secrets.push("hunter2-hunter2");
  await using follower = new Follower(url);
  // Its first three bytes alone are nothing yet, and are given.
  server.runs.write(id, "password: ");
  await follower.until(() => follower.bytes.toString() === "password: ");
  server.runs.write(id, "hun");
  await follower.until(() => follower.bytes.toString() === "password: hun");
  server.runs.write(id, "ter2-");
  const empty = await fetch(`${url.slice(0, -1)}?offset=13`, { headers: { authorization: TOKEN } });
  expect([empty.status, await empty.text()]).toEqual([200, ""]);
  const read = async (path: string): Promise<string> =>
    (await fetch(`${url.slice(0, -1)}${path}`, { headers: { authorization: TOKEN } })).text();
  expect(await read("?offset=0")).toBe("password: ");
  server.runs.write(id, "hunter2\nhunter3 hunter2-");
  await follower.until(() => follower.bytes.toString().endsWith("hunter3 "));
  expect(await read("?offset=15&limit=4")).toBe("****");
  complete(server, id);
  expect((await follower.untilEnd()).toString()).toBe("password: hun************\nhunter3 hunter2-");
});

test("the last lines come first with `tail`", async () => {
  await using bundle = await startFollowing();
  const { server, id, url } = bundle;
  server.runs.write(id, `${"x".repeat(200_000)}\none\ntwo\nthree\n`);
  complete(server, id);
  await using two = new Follower(`${url}?tail=2`);
  expect((await two.untilEnd()).toString()).toBe("two\nthree\n");
  await using four = new Follower(`${url}?tail=4`);
  expect((await four.untilEnd()).length).toBe(200_015);
});

test("a log that its program empties is begun anew instead of waiting for ever", async () => {
  await using bundle = await startFollowing();
  const { server, id, url } = bundle;
  server.runs.write(id, "before it was emptied\n");
  await using follower = new Follower(url);
  await follower.until((events) => events.length > 0);
  const { path } = await server.runs.logFile(id, 1);
  truncateSync(path);
  await follower.until((events) => events.some(({ event }) => event === "emptied"));
  server.runs.write(id, "after\n");
  complete(server, id);
  expect((await follower.untilEnd()).toString()).toBe("before it was emptied\nafter\n");
});

test("a server that closes ends the events without saying that the log has ended", async () => {
  await using bundle = await startFollowing();
  bundle.server.runs.write(bundle.id, "one\n");
  await using follower = new Follower(bundle.url);
  await follower.until((events) => events.length > 0);
  await bundle.server.app.close();
  await follower.untilEnd();
  expect(follower.events.map(({ event }) => event)).toEqual(["text"]);
});

test("an unknown run and an id of no event are refused before events begin", async () => {
  await using bundle = await startFollowing();
  const { url, id } = bundle;
  const headers = { authorization: TOKEN };
  expect((await fetch(url.replace(id, "training-000000000"), { headers })).status).toBe(404);
  expect((await fetch(url, { headers: { ...headers, "last-event-id": "17" } })).status).toBe(400);
  expect((await fetch(url)).status).toBe(401);
});
