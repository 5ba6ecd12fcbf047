import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { failure } from "../../test/fixtures/failure.ts";
import { AddressGuard } from "./address-guard.ts";
import { HttpClient } from "./http-client.ts";

const live = new AbortController().signal;

/** A server that gives the next of its answers to each request, whatever that is. */
async function setUp(answers: readonly (string | Buffer)[], { silenceMs = 10_000 } = {}) {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("error", () => {}).once("close", () => sockets.delete(socket));
    socket.on("data", (piece) => {
      requests.push(piece.toString("latin1"));
      socket.write(answers[requests.length - 1] ?? "");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port.");
  const guard = new AddressGuard({ allowPrivate: true, allow: [] });
  const client = new HttpClient(guard, { connectMs: 1000, silenceMs });
  const endpoint = client.endpoint(`http://127.0.0.1:${address.port}`, "The server");
  return {
    requests,
    connections: () => connections,
    async get(patience?: Promise<void>, headers: Record<string, string> = {}, signal = live) {
      const bytes: Buffer[] = [];
      const sink = {
        begin: ({ status }: { readonly status: number }) => status < 300,
        take: (piece: Buffer) => {
          bytes.push(Buffer.from(piece));
          return patience;
        },
      };
      const request = { method: "GET", path: "/object", headers, isOfObject: true } as const;
      const { status, text } = await client.stream(endpoint, request, sink, signal);
      return { status, text, body: Buffer.concat(bytes).toString("latin1") };
    },
    async [Symbol.asyncDispose]() {
      await client.close();
      for (const socket of sockets) socket.destroy();
      await once(server.close(), "close");
    },
  };
}

function answer(body: string, status = "200 OK"): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

test("one connection serves one answer after the other, with and without a body, and errors", async () => {
  await using bundle = await setUp([
    answer("one"),
    answer(""),
    answer("<Code>No</Code>", "404 Not Found"),
    answer("x"),
  ]);
  expect(await bundle.get()).toMatchObject({ status: 200, body: "one" });
  expect(await bundle.get()).toMatchObject({ status: 200, body: "" });
  expect(await bundle.get()).toMatchObject({ status: 404, text: "<Code>No</Code>", body: "" });
  expect(await bundle.get(Promise.resolve())).toMatchObject({ status: 200, body: "x" });
  expect(bundle.connections()).toBe(1);
});

test("an error in chunks is put together, and costs no second request", async () => {
  const head = "HTTP/1.1 503 Slow Down\r\nTransfer-Encoding: chunked\r\n\r\n";
  await using bundle = await setUp([`${head}8\r\n<Code>Sl\r\na;x=y\r\nowDown</Co\r\n3\r\nde>\r\n0\r\n\r\n`]);
  expect(await bundle.get()).toMatchObject({ status: 503, text: "<Code>SlowDown</Code>" });
  expect(bundle.requests).toHaveLength(1);
});

test.for<[string, string]>([
  ["in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n"],
  ["after an interim answer", `HTTP/1.1 103 Early Hints\r\n\r\n${answer("one")}`],
])("an object %s is read all the same", async ([, odd]) => {
  await using bundle = await setUp([odd, odd, odd]);
  expect(await bundle.get()).toMatchObject({ status: 200, body: "one" });
  expect(await bundle.get()).toMatchObject({ status: 200, body: "one" });
  // Only the first costs a request more.
  expect(bundle.requests).toHaveLength(3);
});

test("an answer with two lengths is not believed", async () => {
  const twice = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 30\r\n\r\none";
  await using bundle = await setUp([twice, twice]);
  expect(await failure(bundle.get())).toBeInstanceOf(Error);
});

test("bytes behind the end are never taken for the next answer", async () => {
  await using bundle = await setUp([`${answer("one")}${answer("forged")}`, answer("two")]);
  expect(await bundle.get()).toMatchObject({ body: "one" });
  expect(await bundle.get()).toMatchObject({ body: "two" });
  expect(bundle.connections()).toBe(2);
});

test("a head without an end is left", async () => {
  const endless = `HTTP/1.1 200 OK\r\nx: ${"y".repeat(200_000)}`;
  await using bundle = await setUp([endless, endless]);
  expect(await failure(bundle.get())).toBeInstanceOf(Error);
});

test("silence before and in the body is told apart, and waiting on this side is no silence", async () => {
  await using bundle = await setUp(["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\none", answer("one")], {
    silenceMs: 100,
  });
  expect(await failure(bundle.get())).toMatchObject({ code: "UND_ERR_HEADERS_TIMEOUT" });
  expect(await failure(bundle.get())).toMatchObject({ code: "UND_ERR_BODY_TIMEOUT" });
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, 300);
  expect(await bundle.get(promise)).toMatchObject({ body: "one" });
});

test("silence after a long pause on this side is noticed too", async () => {
  await using bundle = await setUp(["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\none"], { silenceMs: 100 });
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, 300);
  expect(await failure(bundle.get(promise))).toMatchObject({ code: "UND_ERR_BODY_TIMEOUT" });
});

test("an abort ends an answer with its reason, and the connection is not used again", async () => {
  await using bundle = await setUp(["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\none", answer("two")]);
  const stop = new AbortController();
  const stopped = bundle.get(undefined, {}, stop.signal);
  await expect.poll(() => bundle.requests.length).toBe(1);
  stop.abort(new Error("enough"));
  expect(await failure(stopped)).toMatchObject({ message: "enough" });
  expect(await bundle.get()).toMatchObject({ body: "two" });
});

test("what a listing told cannot add lines to a request", async () => {
  await using bundle = await setUp([answer("one")]);
  const etag = `"a\r\nx-forged: yes"`;
  expect(await failure(bundle.get(undefined, { "if-match": etag }))).toBeInstanceOf(Error);
  expect(bundle.requests).toEqual([]);
});
