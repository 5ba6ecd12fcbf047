import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";

/** A request as a fault script sees it. */
export interface SwiftRequest {
  readonly operation: "login" | "list" | "get" | "head" | "put" | "put-list" | "delete" | "container";
  readonly container: string;
  readonly key: string;
  /** From 1, counted for each operation. */
  readonly number: number;
  readonly headers: IncomingMessage["headers"];
}

export type Fault =
  | { readonly kind: "error"; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** The connection breaks before the work. */
  | { readonly kind: "reset" }
  /** The connection breaks when the first bytes of the body have come. */
  | { readonly kind: "reset-in-body" }
  /** The work is done, and its answer is lost. */
  | { readonly kind: "lose-answer" }
  /**
   * Never answered, and kept only after a client that has gone was told, by the answer to a DELETE, that it is not
   * there. No error is told to anybody before all of it has come.
   */
  | { readonly kind: "land-late" }
  /** Nothing is ever answered. */
  | { readonly kind: "silence" }
  /** Of an object's bytes only the first come, then: the connection breaks, falls silent, or ends as if all were well. */
  | { readonly kind: "cut"; readonly bytes: number; readonly end: "reset" | "silence" | "clean" }
  /** Of what is sent another content is kept, and nobody compared; of what is asked for one byte is another one. */
  | { readonly kind: "damage" }
  /** From here on every token is an old one. */
  | { readonly kind: "end-tokens" }
  /** What a web server that is no Swift says. */
  | { readonly kind: "web-page" }
  /** As Python's eventlet does it after answers without a body: the end of a body that was never begun. */
  | { readonly kind: "stray-bytes" };

export type FaultScript = (request: SwiftRequest) => Fault | undefined;

export interface SwiftFaultServer extends AsyncDisposable {
  readonly origin: string;
  readonly containers: Map<string, Map<string, Buffer>>;
  readonly requests: SwiftRequest[];
  faults: FaultScript;
  /** What the catalogue, or auth v1, says where the store is. */
  storageUrl: string;
  /** A store that has no static large objects takes a list of segments for an object like any other. */
  knowsLists: boolean;
}

interface State {
  token: string;
  readonly lists: Map<string, readonly { readonly path: string; readonly etag: string }[]>;
  readonly counts: Map<string, number>;
  /** Bodies that are to land late, under `container/key`. */
  readonly late: Map<string, Promise<Buffer>>;
}

/** Keystone v3, auth v1 and Swift on a free loopback port, as far as faults need them. */
export async function startSwiftFaultServer(): Promise<SwiftFaultServer> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port.");
  const origin = `http://127.0.0.1:${address.port}`;
  const fake: SwiftFaultServer = {
    origin,
    containers: new Map(),
    requests: [],
    faults: () => undefined,
    storageUrl: `${origin}/v1/AUTH_project`,
    knowsLists: true,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await once(server.close(), "close");
    },
  };
  const state: State = { token: randomUUID(), lists: new Map(), counts: new Map(), late: new Map() };
  server.on("request", (message, response) => {
    serve(fake, state, message, response).catch(() => response.destroy());
  });
  return fake;
}

/** A request without a body is broken when it has come. */
function breakInBody(message: IncomingMessage, response: ServerResponse): void {
  for (const event of ["data", "end"]) message.once(event, () => response.destroy());
}

function see(message: IncomingMessage, counts: Map<string, number>): SwiftRequest {
  const [path = "", query = ""] = (message.url ?? "").split("?");
  const [, , , container = "", ...rest] = path.split("/");
  const key = decodeURIComponent(rest.join("/"));
  const operation = nameOperation(message.method ?? "", path, query, key);
  const number = (counts.get(operation) ?? 0) + 1;
  counts.set(operation, number);
  return { operation, container: decodeURIComponent(container), key, number, headers: message.headers };
}

function nameOperation(method: string, path: string, query: string, key: string): SwiftRequest["operation"] {
  if (path.includes("/auth/")) return "login";
  if (key === "") return method === "GET" ? "list" : "container";
  if (method === "PUT") return query.includes("multipart-manifest=put") ? "put-list" : "put";
  if (method === "DELETE") return "delete";
  return method === "HEAD" ? "head" : "get";
}

async function serve(
  fake: SwiftFaultServer,
  state: State,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const request = see(message, state.counts);
  fake.requests.push(request);
  const fault = fake.faults(request);
  if (fault?.kind === "silence") return;
  if (fault?.kind === "reset") return void response.destroy();
  if (fault?.kind === "end-tokens") state.token = randomUUID();
  if (fault?.kind === "reset-in-body") return breakInBody(message, response);
  const arriving = buffer(message);
  if (fault?.kind === "land-late") state.late.set(`${request.container}/${request.key}`, arriving);
  const body = await arriving;
  if (fault?.kind === "land-late") return;
  if (fault?.kind === "error") {
    await Promise.all(state.late.values());
    return end(response, fault.status, fault.headers);
  }
  if (fault?.kind === "web-page") return void response.end("<!doctype html><title>Welcome</title><p>It works!");
  if (request.operation === "login") return login(fake, state, message, response);
  if (message.headers["x-auth-token"] !== state.token) return end(response, 401);
  const keep = fake.containers.get(request.container);
  if (request.operation === "container") {
    if (message.method === "PUT") fake.containers.set(request.container, keep ?? new Map());
    return end(response, message.method === "PUT" ? 201 : keep === undefined ? 404 : 204);
  }
  if (keep === undefined) return end(response, 404);
  if (request.operation === "delete") return remove(state, keep, request, response);
  return serveObjects(fake, state, keep, { request, fault, body, message }, response);
}

interface Seen {
  readonly request: SwiftRequest;
  readonly fault: Fault | undefined;
  readonly body: Buffer;
  readonly message: IncomingMessage;
}

function login(fake: SwiftFaultServer, state: State, message: IncomingMessage, response: ServerResponse): void {
  if (message.method === "GET") {
    const isKnown = message.headers["x-auth-key"] === "secret";
    const headers = { "x-auth-token": state.token, "x-storage-url": fake.storageUrl };
    return end(response, isKnown ? 200 : 401, isKnown ? headers : {});
  }
  const endpoints = [
    { interface: "internal", region_id: "dallas", url: "http://127.0.0.1:1/internal" },
    { interface: "public", region_id: "dallas", url: fake.storageUrl },
  ];
  response.writeHead(201, { "content-type": "application/json", "x-subject-token": state.token });
  response.end(JSON.stringify({ token: { catalog: [{ type: "object-store", endpoints }] } }));
}

function serveObjects(
  fake: SwiftFaultServer,
  state: State,
  keep: Map<string, Buffer>,
  { request, fault, body, message }: Seen,
  response: ServerResponse,
): void {
  const { operation, container, key, headers } = request;
  const at = `/${container}/${key}`;
  switch (operation) {
    case "put":
    case "put-list": {
      const isList = operation === "put-list" && fake.knowsLists;
      const list = isList ? (JSON.parse(body.toString()) as { path: string; etag: string }[]) : undefined;
      const manifest = headers["x-object-manifest"];
      if (typeof manifest === "string") {
        const found = segmentsUnder(fake, decodeURIComponent(manifest));
        state.lists.set(at, found);
        keep.set(key, joined(fake, found));
        return end(response, 201, { etag: md5("") });
      }
      const etag = md5(list === undefined ? body : list.map((each) => each.etag).join(""));
      if (headers.etag !== etag) return end(response, 422);
      if (list === undefined) state.lists.delete(at);
      else state.lists.set(at, list);
      keep.set(key, list === undefined ? body : joined(fake, list));
      if (fault?.kind === "lose-answer") return void response.destroy();
      return end(response, 201, { etag: fault?.kind === "damage" ? md5("other") : etag });
    }
    case "list":
      return sendListing(keep, message, response);
    default:
      return sendObject(keep.get(key), state.lists.get(at), { request, fault, body, message }, response);
  }
}

async function remove(
  state: State,
  keep: Map<string, Buffer>,
  { container, key }: SwiftRequest,
  response: ServerResponse,
): Promise<void> {
  const wasKept = keep.delete(key);
  const late = await state.late.get(`${container}/${key}`);
  if (late !== undefined) keep.set(key, late);
  state.late.delete(`${container}/${key}`);
  end(response, wasKept ? 204 : 404);
}

function segmentsUnder(fake: SwiftFaultServer, manifest: string): { path: string; etag: string }[] {
  const [container = "", ...prefix] = manifest.split("/");
  const segments = [...(fake.containers.get(container)?.entries() ?? [])].filter(([key]) =>
    key.startsWith(prefix.join("/")),
  );
  const inOrder = segments.sort(([a], [b]) => (a < b ? -1 : 1));
  return inOrder.map(([key, bytes]) => ({ path: `/${container}/${key}`, etag: md5(bytes) }));
}

function joined(fake: SwiftFaultServer, list: readonly { readonly path: string }[]): Buffer {
  const segments = list.map(({ path }) => {
    const [, container = "", ...rest] = path.split("/");
    return fake.containers.get(container)?.get(rest.join("/")) ?? Buffer.alloc(0);
  });
  return Buffer.concat(segments);
}

function sendListing(keep: Map<string, Buffer>, message: IncomingMessage, response: ServerResponse): void {
  const query = new URL(message.url ?? "", "http://fake").searchParams;
  const marker = query.get("marker") ?? "";
  const rows = [...keep.entries()]
    .filter(
      ([name]) =>
        name.startsWith(query.get("prefix") ?? "") && Buffer.compare(Buffer.from(name), Buffer.from(marker)) > 0,
    )
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .slice(0, Number(query.get("limit") ?? 10_000))
    .map(([name, bytes]) => ({ name, bytes: bytes.length, hash: md5(bytes) }));
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(rows));
}

function sendObject(
  bytes: Buffer | undefined,
  list: readonly { readonly path: string; readonly etag: string }[] | undefined,
  { request, fault, message }: Seen,
  response: ServerResponse,
): void {
  if (bytes === undefined) return end(response, 404);
  if (list !== undefined && message.url?.includes("multipart-manifest=get") === true) {
    const rows = list.map(({ path: name, etag: hash }) => ({ name, hash, bytes: 0 }));
    response.writeHead(200, { "content-type": "application/json", "x-static-large-object": "True" });
    return void response.end(JSON.stringify(rows));
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  const from = Number(range?.[1] ?? 0);
  if (from > 0 && from >= bytes.length) return end(response, 416);
  const until = range?.[2] ? Math.min(bytes.length, Number(range[2]) + 1) : bytes.length;
  const etag = list === undefined ? md5(bytes) : `"${md5(list.map((each) => each.etag).join(""))}"`;
  const large = list === undefined ? {} : { "x-static-large-object": "True" };
  const place = range === null ? {} : { "content-range": `bytes ${from}-${until - 1}/${bytes.length}` };
  const isClean = fault?.kind === "cut" && fault.end === "clean";
  // Without a length the answer is chunked, and its early end looks like a good one.
  const length = isClean ? {} : { "content-length": until - from };
  response.writeHead(range === null ? 200 : 206, { etag, ...length, ...place, ...large });
  if (request.operation === "head") {
    response.end();
    if (fault?.kind === "stray-bytes") response.socket?.write("0\r\n\r\n");
    return;
  }
  const wanted = Buffer.from(bytes.subarray(from, until));
  if (fault?.kind === "damage") wanted.writeUInt8(wanted.readUInt8(0) ^ 0xff, 0);
  if (fault?.kind !== "cut") return void response.end(wanted);
  if (isClean) return void response.end(wanted.subarray(0, fault.bytes));
  response.write(wanted.subarray(0, fault.bytes), () => (fault.end === "reset" ? response.destroy() : undefined));
}

function end(response: ServerResponse, status: number, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { "x-trans-id": "tx-fake", ...headers }).end();
}

function md5(content: Buffer | string): string {
  return createHash("md5").update(content).digest("hex");
}
