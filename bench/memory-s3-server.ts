// An S3 server that keeps what it serves in memory and does little for each request, so that a benchmark measures its
// client. Runs as a process of its own: `node bench/memory-s3-server.ts NAME:COUNT:SIZE ...` serves a bucket for each
// argument, prints its port, and ends with its standard input. Reads only; signatures are not checked. What was asked
// is counted, and given and forgotten at `/_counts`.
import { createHash } from "node:crypto";
import { createServer, type Socket } from "node:net";

const BLOCK_BYTES = 16 * 1024 * 1024;
const PIECE_BYTES = 256 * 1024;
const FOLDERS = 10;
const PAGE = 1000;
const WRITTEN = "2026-01-02T03:04:05.000Z";
const HTTP_DATE = new Date(WRITTEN).toUTCString();

interface Served {
  readonly key: string;
  readonly sizeBytes: number;
  /** Where its bytes begin in the block, which is repeated as often as needed. */
  readonly offset: number;
  readonly etag: string;
}

interface Bucket {
  /** In the order of keys. */
  readonly list: readonly Served[];
  readonly byKey: ReadonlyMap<string, Served>;
}

interface Answer {
  readonly head: string;
  readonly body?: Iterable<Buffer>;
}

interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly range: string | undefined;
}

const block = makeBlock();
const buckets = new Map(process.argv.slice(2).map(makeBucket));
let counts = noCounts();

function noCounts(): Record<"list" | "get" | "range" | "head" | "other" | "bytes", number> {
  return { list: 0, get: 0, range: 0, head: 0, other: 0, bytes: 0 };
}

/** Bytes that no tool can shrink, the same each time. */
function makeBlock(): Buffer {
  const made = Buffer.allocUnsafe(BLOCK_BYTES);
  let state = 42;
  for (let at = 0; at < made.length; at += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    made.writeUInt32LE((state ^ (state >>> 13)) >>> 0, at);
  }
  return made;
}

function makeBucket(text: string): [string, Bucket] {
  const [name = "", count = "0", size = "0"] = text.split(":");
  const sizeBytes = Number(size);
  const list = Array.from({ length: Number(count) }, (_, index): Served => {
    const offset = (index * 7919) % (BLOCK_BYTES / 2);
    const folder = `class-${Math.floor((index * FOLDERS) / Number(count))}`;
    return {
      key: `train/${folder}/${String(index).padStart(6, "0")}.bin`,
      sizeBytes,
      offset,
      etag: md5(offset, sizeBytes),
    };
  });
  return [name, { list, byKey: new Map(list.map((served) => [served.key, served])) }];
}

function md5(offset: number, sizeBytes: number): string {
  const hash = createHash("md5");
  for (const piece of pieces(offset, sizeBytes)) hash.update(piece);
  return hash.digest("hex");
}

function* pieces(offset: number, sizeBytes: number): Generator<Buffer> {
  for (let at = offset; at < offset + sizeBytes;) {
    const inBlock = at % BLOCK_BYTES;
    const end = Math.min(inBlock + PIECE_BYTES, BLOCK_BYTES, inBlock + offset + sizeBytes - at);
    yield block.subarray(inBlock, end);
    at += end - inBlock;
  }
}

function answer(request: Request): Answer {
  if (request.path === "/_counts") {
    const told = JSON.stringify(counts);
    counts = noCounts();
    return text(200, told);
  }
  const [, name = "", ...rest] = request.path.split("/");
  const key = decodeURIComponent(rest.join("/"));
  const bucket = buckets.get(name);
  if (bucket === undefined) return text(404, "<Error><Code>NoSuchBucket</Code></Error>");
  if (key === "") {
    if (request.method === "GET" && !request.query.has("location")) return list(bucket, name, request.query);
    counts.other += 1;
    return text(200, `<?xml version="1.0"?><LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>`);
  }
  const served = bucket.byKey.get(key);
  if (served === undefined) return text(404, "<Error><Code>NoSuchKey</Code></Error>");
  return give(served, request);
}

function give(served: Served, { method, range }: Request): Answer {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
  const from = Number(first ?? 0);
  const end = last ? Math.min(served.sizeBytes, Number(last) + 1) : served.sizeBytes;
  const common = `etag: "${served.etag}"\r\nlast-modified: ${HTTP_DATE}\r\naccept-ranges: bytes\r\ncontent-length: ${end - from}\r\ncontent-type: binary/octet-stream\r\n`;
  if (method === "HEAD") {
    counts.head += 1;
    return { head: `HTTP/1.1 200 OK\r\n${common}\r\n` };
  }
  counts[first === undefined ? "get" : "range"] += 1;
  counts.bytes += end - from;
  const body = pieces(served.offset + from, end - from);
  if (first === undefined) return { head: `HTTP/1.1 200 OK\r\n${common}\r\n`, body };
  const place = `content-range: bytes ${from}-${end - 1}/${served.sizeBytes}\r\n`;
  return { head: `HTTP/1.1 206 Partial Content\r\n${common}${place}\r\n`, body };
}

/** Both versions of the listing, with the grouping by delimiter that tools use to walk folders. */
function list(bucket: Bucket, name: string, query: URLSearchParams): Answer {
  counts.list += 1;
  const [prefix, delimiter] = [query.get("prefix") ?? "", query.get("delimiter") ?? ""];
  const isV2 = query.get("list-type") === "2";
  const after = (isV2 ? (query.get("continuation-token") ?? query.get("start-after")) : query.get("marker")) ?? "";
  const most = Math.min(PAGE, Number(query.get("max-keys") ?? PAGE));
  const rows: string[] = [];
  const groups = new Set<string>();
  let last = "";
  let isTruncated = false;
  for (
    let at = firstAfter(bucket.list, after > prefix ? after : prefix, after >= prefix && after !== "");
    at < bucket.list.length;
    at += 1
  ) {
    const served = bucket.list[at];
    if (served === undefined || !served.key.startsWith(prefix)) break;
    const cut = delimiter === "" ? -1 : served.key.indexOf(delimiter, prefix.length);
    const group = cut < 0 ? null : served.key.slice(0, cut + delimiter.length);
    if (group !== null && (groups.has(group) || group === after)) continue;
    if (rows.length + groups.size === most) {
      isTruncated = true;
      break;
    }
    last = group ?? served.key;
    if (group !== null) groups.add(group);
    else
      rows.push(
        `<Contents><Key>${served.key}</Key><LastModified>${WRITTEN}</LastModified><ETag>&quot;${served.etag}&quot;</ETag><Size>${served.sizeBytes}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
      );
  }
  const common = [...groups].map((group) => `<CommonPrefixes><Prefix>${group}</Prefix></CommonPrefixes>`).join("");
  const next = !isTruncated
    ? ""
    : isV2
      ? `<NextContinuationToken>${last}</NextContinuationToken>`
      : `<NextMarker>${last}</NextMarker>`;
  const encoding = query.has("encoding-type") ? "<EncodingType>url</EncodingType>" : "";
  return text(
    200,
    `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${name}</Name><Prefix>${prefix}</Prefix><Marker></Marker><MaxKeys>${most}</MaxKeys><Delimiter>${delimiter}</Delimiter>${encoding}<KeyCount>${rows.length + groups.size}</KeyCount><IsTruncated>${isTruncated}</IsTruncated>${next}${rows.join("")}${common}</ListBucketResult>`,
  );
}

/** By bisection: the first place at or behind the key. All keys are ASCII. */
function firstAfter(all: readonly Served[], key: string, isBehind: boolean): number {
  let [low, high] = [0, all.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const at = all[middle]?.key ?? "";
    if (at < key || (isBehind && at === key)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function text(status: number, content: string): Answer {
  const type = content.startsWith("<") ? "application/xml" : "application/json";
  return {
    head: `HTTP/1.1 ${status} ${status === 200 ? "OK" : "Not Found"}\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(content)}\r\n\r\n${content}`,
  };
}

async function send(socket: Socket, { head, body }: Answer): Promise<void> {
  socket.cork();
  socket.write(head, "utf8");
  let isCorked = true;
  for (const piece of body ?? []) {
    const isRoom = socket.write(piece);
    if (isCorked) socket.uncork();
    isCorked = false;
    if (!isRoom && !socket.destroyed) {
      await new Promise<void>((resolve) => {
        const go = (): void => {
          socket.off("drain", go).off("close", go);
          resolve();
        };
        socket.once("drain", go).once("close", go);
      });
    }
    if (socket.destroyed) return;
  }
  if (isCorked) socket.uncork();
}

function parse(head: string): Request {
  const lines = head.split("\r\n");
  const [method = "", target = ""] = (lines[0] ?? "").split(" ");
  const cut = target.indexOf("?");
  const range = lines.find((line) => /^range:/i.test(line));
  return {
    method,
    path: cut < 0 ? target : target.slice(0, cut),
    query: new URLSearchParams(cut < 0 ? "" : target.slice(cut + 1)),
    range: range?.slice(range.indexOf(":") + 1).trim(),
  };
}

const server = createServer({ noDelay: true }, (socket) => {
  let pending = "";
  let sending = Promise.resolve();
  socket.on("error", () => {});
  socket.on("data", (piece) => {
    pending += piece.toString("latin1");
    for (let end = pending.indexOf("\r\n\r\n"); end >= 0; end = pending.indexOf("\r\n\r\n")) {
      const request = parse(pending.slice(0, end));
      pending = pending.slice(end + 4);
      sending = sending.then(() => send(socket, answer(request)));
    }
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") process.stdout.write(`${address.port}\n`);
});
process.stdin.on("end", () => process.exit(0)).resume();
