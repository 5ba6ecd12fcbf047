import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { type FakeObject, md5, S3Objects } from "./s3-objects.ts";

/** A request as a fault script sees it. */
export interface S3Request {
  readonly operation:
    | "list"
    | "get"
    | "head"
    | "put"
    | "create-upload"
    | "put-part"
    | "complete-upload"
    | "abort-upload"
    | "list-uploads"
    | "list-parts"
    | "other";
  readonly key: string;
  /** From 1, counted for each operation. */
  readonly number: number;
  readonly url: URL;
  readonly headers: IncomingMessage["headers"];
}

export type Fault =
  /** An S3 error instead of the work. */
  | { readonly kind: "error"; readonly status: number; readonly code: string; readonly retryAfter?: string }
  /** The connection breaks before the work. */
  | { readonly kind: "reset" }
  /** The connection breaks when the first bytes of the body have come. */
  | { readonly kind: "reset-in-body" }
  /** The work is done, and its answer is lost. */
  | { readonly kind: "lose-answer" }
  /** Nothing is ever answered. */
  | { readonly kind: "silence" }
  /** Of an object's bytes only the first come, then: the connection breaks, falls silent, or ends as if all were well. */
  | { readonly kind: "cut"; readonly bytes: number; readonly end: "reset" | "silence" | "clean" }
  /** One byte of the object is another one: on the way out, or in what the server keeps. */
  | { readonly kind: "damage" }
  | { readonly kind: "redirect"; readonly location: string }
  /** This instead of the work. */
  | { readonly kind: "answer"; readonly headers?: Readonly<Record<string, string>>; readonly body: string }
  /** What a web server that is no S3 store says. */
  | { readonly kind: "web-page" };

export type FaultScript = (request: S3Request) => Fault | undefined;

export interface S3FaultServer extends AsyncDisposable {
  readonly endpoint: string;
  readonly objects: S3Objects;
  readonly requests: S3Request[];
  /** Connections that were ever made. */
  connections: number;
  faults: FaultScript;
  /** Objects in a page of a listing. */
  pageSize: number;
  /** How old the server is: 2006 knows no continuation tokens and answers the old listing to the new question. */
  generation: 2006 | 2016;
  /** Old gateways answer a range with everything. */
  knowsRanges: boolean;
  /** Some servers do not look at If-Match. */
  knowsConditions: boolean;
}

/** An S3 server on a free loopback port that does its work, except where a script says otherwise. Signatures are not checked. */
export async function startS3FaultServer(): Promise<S3FaultServer> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port.");
  const fake: S3FaultServer = {
    endpoint: `http://127.0.0.1:${address.port}`,
    objects: new S3Objects(),
    requests: [],
    connections: 0,
    faults: () => undefined,
    pageSize: 1000,
    generation: 2016,
    knowsRanges: true,
    knowsConditions: true,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await once(server.close(), "close");
    },
  };
  const counts = new Map<string, number>();
  server.on("connection", () => {
    fake.connections += 1;
  });
  server.on("request", (message, response) => {
    const seen = see(message, counts);
    fake.requests.push(seen);
    serve(fake, seen, message, response).catch(() => response.destroy());
  });
  return fake;
}

/** A request without a body is broken when it has come. */
function breakInBody(message: IncomingMessage, response: ServerResponse): void {
  for (const event of ["data", "end"]) message.once(event, () => response.destroy());
}

function see(message: IncomingMessage, counts: Map<string, number>): S3Request {
  // Not the URL parser for the key: it would resolve `a/../b`.
  const [path = "", query = ""] = (message.url ?? "").split("?");
  const url = new URL(`http://fake/?${query}`);
  const [, , ...rest] = path.split("/");
  const key = decodeURIComponent(rest.join("/"));
  const operation = nameOperation(message.method ?? "", key, url.searchParams);
  const number = (counts.get(operation) ?? 0) + 1;
  counts.set(operation, number);
  return { operation, key, number, url, headers: message.headers };
}

function nameOperation(method: string, key: string, query: URLSearchParams): S3Request["operation"] {
  if (key === "" && query.has("uploads")) return "list-uploads";
  if (key === "") return method === "GET" ? "list" : "other";
  if (method === "POST") return query.has("uploadId") ? "complete-upload" : "create-upload";
  if (method === "PUT") return query.has("uploadId") ? "put-part" : "put";
  if (method === "DELETE") return "abort-upload";
  if (method === "GET" && query.has("uploadId")) return "list-parts";
  return method === "HEAD" ? "head" : "get";
}

async function serve(
  fake: S3FaultServer,
  request: S3Request,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const fault = fake.faults(request);
  if (fault?.kind === "silence") return;
  if (fault?.kind === "reset") return void response.destroy();
  if (fault?.kind === "reset-in-body") return breakInBody(message, response);
  const body = await buffer(message);
  if (fault?.kind === "error") return sendError(response, fault.status, fault.code, fault.retryAfter);
  if (fault?.kind === "answer") return void response.writeHead(200, fault.headers).end(fault.body);
  if (fault?.kind === "redirect") return void response.writeHead(301, { location: fault.location }).end();
  if (fault?.kind === "web-page") return void response.end("<!doctype html><title>Welcome</title><p>It works!");
  const bucket = fake.objects.buckets.get((message.url ?? "").split(/[/?]/)[1] ?? "");
  if (bucket === undefined) return sendError(response, 404, "NoSuchBucket");
  const sent = message.headers["content-md5"];
  if (sent !== undefined && sent !== md5(body).toString("base64")) return sendError(response, 400, "BadDigest");
  switch (request.operation) {
    case "list":
      return sendListing(fake, bucket, request.url.searchParams, response);
    case "get":
    case "head":
      return sendObject(fake, bucket.get(request.key), request, fault, response);
    case "put": {
      if (fault?.kind === "damage") flipByte(body);
      const object = fake.objects.put(bucket, request.key, body);
      return sendEtag(response, object.etag, fault);
    }
    case "create-upload":
      return sendXml(
        response,
        `<InitiateMultipartUploadResult><UploadId>${fake.objects.begin(request.key)}</UploadId></InitiateMultipartUploadResult>`,
      );
    case "put-part": {
      const { searchParams } = request.url;
      const isKept = fake.objects.putPart(
        searchParams.get("uploadId") ?? "",
        Number(searchParams.get("partNumber")),
        body,
      );
      if (!isKept) return sendError(response, 404, "NoSuchUpload");
      return sendEtag(response, md5(body).toString("hex"), fault);
    }
    case "complete-upload": {
      const numbers = [...body.toString().matchAll(/<PartNumber>(\d+)</g)].map(([, number]) => Number(number));
      if (fault?.kind === "damage") fake.objects.spoil(request.url.searchParams.get("uploadId") ?? "");
      const object = fake.objects.complete(bucket, request.url.searchParams.get("uploadId") ?? "", numbers);
      if (object === undefined) return sendError(response, 404, "NoSuchUpload");
      if (fault?.kind === "lose-answer") return void response.destroy();
      return sendXml(
        response,
        `<CompleteMultipartUploadResult><ETag>"${object.etag}"</ETag></CompleteMultipartUploadResult>`,
      );
    }
    case "abort-upload":
      fake.objects.uploads.delete(request.url.searchParams.get("uploadId") ?? "");
      return void response.writeHead(204).end();
    case "list-uploads":
      return sendUploads(fake, request.url.searchParams, response);
    case "list-parts":
      return sendParts(fake, request.url.searchParams, response);
    case "other":
      return sendError(response, 501, "NotImplemented");
  }
}

function sendEtag(response: ServerResponse, etag: string, fault: Fault | undefined): void {
  if (fault?.kind === "lose-answer") return void response.destroy();
  response.writeHead(200, { etag: `"${etag}"` }).end();
}

function sendObject(
  fake: S3FaultServer,
  object: FakeObject | undefined,
  request: S3Request,
  fault: Fault | undefined,
  response: ServerResponse,
): void {
  if (object === undefined) return sendError(response, 404, "NoSuchKey");
  const wanted = request.headers["if-match"];
  if (fake.knowsConditions && wanted !== undefined && wanted !== `"${object.etag}"`) {
    return sendError(response, 412, "PreconditionFailed");
  }
  const [, first = "0", last = ""] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
  const from = Number(first);
  const until = last === "" ? object.bytes.length : Math.min(object.bytes.length, Number(last) + 1);
  const isRange = request.headers.range !== undefined && fake.knowsRanges;
  if (isRange && from >= object.bytes.length) return sendError(response, 416, "InvalidRange");
  const bytes = Buffer.from(isRange ? object.bytes.subarray(from, until) : object.bytes);
  if (fault?.kind === "damage") flipByte(bytes);
  const cut = fault?.kind === "cut" ? fault : undefined;
  response.statusCode = isRange ? 206 : 200;
  response.setHeader("etag", `"${object.etag}"`);
  if (isRange) response.setHeader("content-range", `bytes ${from}-${until - 1}/${object.bytes.length}`);
  // Without a length the answer is chunked, and its early end looks like a good one.
  if (cut?.end !== "clean") response.setHeader("content-length", bytes.length);
  if (request.operation === "head" || cut === undefined)
    return void response.end(request.operation === "head" ? undefined : bytes);
  const beginning = bytes.subarray(0, cut.bytes);
  if (cut.end === "clean") response.end(beginning);
  else response.write(beginning, () => (cut.end === "reset" ? response.destroy() : undefined));
}

function flipByte(bytes: Buffer): void {
  bytes.writeUInt8(bytes.readUInt8(0) ^ 0xff, 0);
}

function sendListing(
  fake: S3FaultServer,
  bucket: Map<string, FakeObject>,
  query: URLSearchParams,
  response: ServerResponse,
): void {
  const isV2 = query.get("list-type") === "2" && fake.generation === 2016;
  const after = isV2 ? (query.get("continuation-token") ?? query.get("start-after")) : query.get("marker");
  const keys = [...bucket.keys()]
    .filter((key) => key.startsWith(query.get("prefix") ?? ""))
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .filter((key) => after === null || Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0);
  const page = keys.slice(0, fake.pageSize);
  const isTruncated = keys.length > page.length;
  const entries = page.map((key) => {
    const object = bucket.get(key);
    return `<Contents><Key>${encodeURIComponent(key)}</Key><Size>${object?.bytes.length}</Size><ETag>"${object?.etag}"</ETag></Contents>`;
  });
  const token =
    isV2 && isTruncated ? `<NextContinuationToken>${escapeXml(page.at(-1) ?? "")}</NextContinuationToken>` : "";
  sendXml(
    response,
    `<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>${isTruncated}</IsTruncated>${token}${entries.join("")}</ListBucketResult>`,
  );
}

/** In the order of keys, a page at a time, as the service itself lists them. */
function sendUploads(fake: S3FaultServer, query: URLSearchParams, response: ServerResponse): void {
  const nameOf = (key: string, id: string): string => `${key}\0${id}`;
  const after = nameOf(query.get("key-marker") ?? "", query.get("upload-id-marker") ?? "");
  const uploads = [...fake.objects.uploads]
    .map(([id, { key }]) => ({ id, key }))
    .filter(({ id, key }) => key.startsWith(query.get("prefix") ?? "") && nameOf(key, id) > after)
    .sort((a, b) => (nameOf(a.key, a.id) < nameOf(b.key, b.id) ? -1 : 1));
  const page = uploads.slice(0, fake.pageSize);
  const last = uploads.length > page.length ? page.at(-1) : undefined;
  const next =
    last === undefined
      ? ""
      : `<NextKeyMarker>${escapeXml(last.key)}</NextKeyMarker><NextUploadIdMarker>${last.id}</NextUploadIdMarker>`;
  const entries = page.map(({ id, key }) => `<Upload><Key>${escapeXml(key)}</Key><UploadId>${id}</UploadId></Upload>`);
  sendXml(
    response,
    `<ListMultipartUploadsResult><IsTruncated>${last !== undefined}</IsTruncated>${next}${entries.join("")}</ListMultipartUploadsResult>`,
  );
}

function sendParts(fake: S3FaultServer, query: URLSearchParams, response: ServerResponse): void {
  const upload = fake.objects.uploads.get(query.get("uploadId") ?? "");
  if (upload === undefined) return sendError(response, 404, "NoSuchUpload");
  const after = Number(query.get("part-number-marker") ?? 0);
  const parts = [...upload.parts].filter(([number]) => number > after).sort(([a], [b]) => a - b);
  const page = parts.slice(0, fake.pageSize);
  const isTruncated = parts.length > page.length;
  const next = isTruncated ? `<NextPartNumberMarker>${page.at(-1)?.[0]}</NextPartNumberMarker>` : "";
  const entries = page.map(
    ([number, bytes]) =>
      `<Part><PartNumber>${number}</PartNumber><ETag>"${md5(bytes).toString("hex")}"</ETag><Size>${bytes.length}</Size></Part>`,
  );
  sendXml(
    response,
    `<ListPartsResult><IsTruncated>${isTruncated}</IsTruncated>${next}${entries.join("")}</ListPartsResult>`,
  );
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"'\p{Cc}]/gu, (character) => `&#${character.codePointAt(0)};`);
}

function sendXml(response: ServerResponse, xml: string): void {
  response.writeHead(200, { "content-type": "application/xml" }).end(`<?xml version="1.0" encoding="UTF-8"?>${xml}`);
}

function sendError(response: ServerResponse, status: number, code: string, retryAfter?: string): void {
  const headers = retryAfter === undefined ? {} : { "retry-after": retryAfter };
  response
    .writeHead(status, { "content-type": "application/xml", "x-amz-request-id": "fake-1", ...headers })
    .end(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message></Message></Error>`);
}
