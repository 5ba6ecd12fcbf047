import type { IncomingMessage, RequestOptions } from "node:http";
import type { ReadableStream } from "node:stream/web";
import type { Fetch, FetchRequest, FetchResponse } from "../client/transport.ts";

/** A waiting server answers within half a minute; twice that without a byte means that the connection is dead. */
const SILENCE_LIMIT_MS = 75_000;

/**
 * `fetch` over Node's own HTTP client: the first use of the global one costs tens of milliseconds, most of what
 * `list` takes. An ES import of `node:http` would evaluate each of its exports and load the global fetch again, so
 * the modules come by `getBuiltinModule`.
 *
 * `onUpload` hears how many bytes of a form have been handed to the connection.
 */
export function httpTransport(onUpload?: (sentBytes: number) => void): Fetch {
  return async (url, init) => {
    const body = init.body instanceof Object ? encodeForm(init.body, onUpload) : textBody(init.body);
    const response = await exchange(new URL(url), init, body);
    return responseOf(response);
  };
}

interface Body {
  readonly headers: Record<string, string>;
  writeTo(request: NodeJS.WritableStream): void;
}

function textBody(text: string | undefined): Body {
  if (text === undefined) return { headers: {}, writeTo: (request) => request.end() };
  const bytes = Buffer.from(text);
  return { headers: { "content-length": String(bytes.length) }, writeTo: (request) => request.end(bytes) };
}

/** The platform's own encoder for multipart bodies; it reads a file-backed blob piece by piece. */
function encodeForm(form: FormData, onUpload: ((sentBytes: number) => void) | undefined): Body {
  const encoded = new Response(form);
  return {
    headers: { "content-type": encoded.headers.get("content-type") ?? "" },
    writeTo: (request) => {
      const { Readable } = process.getBuiltinModule("node:stream");
      const source = Readable.fromWeb(encoded.body as ReadableStream);
      let sentBytes = 0;
      source.on("data", (chunk: Uint8Array) => {
        sentBytes += chunk.length;
        onUpload?.(sentBytes);
      });
      source.on("error", (error) => request.emit("error", error));
      source.pipe(request);
    },
  };
}

function exchange(url: URL, init: FetchRequest, body: Body): Promise<IncomingMessage> {
  const isHttps = url.protocol === "https:";
  const http = process.getBuiltinModule(isHttps ? "node:https" : "node:http");
  const options: RequestOptions = {
    method: init.method,
    headers: { ...init.headers, ...body.headers, accept: "*/*" },
    timeout: SILENCE_LIMIT_MS,
    // An agent of its own asks no proxy; the global one does where the environment names one.
    agent: isLoopback(url.hostname) ? new http.Agent() : http.globalAgent,
    ...(init.signal === undefined ? {} : { signal: init.signal }),
  };
  return new Promise((resolve, reject) => {
    const request = http.request(url, options, resolve);
    request.on("timeout", () => request.destroy(Object.assign(new Error("silence"), { code: "ETIMEDOUT" })));
    request.on("error", reject);
    body.writeTo(request);
  });
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d+){3}$/.test(hostname);
}

function responseOf(message: IncomingMessage): FetchResponse {
  const read = async (): Promise<Buffer> => {
    const chunks: Buffer[] = [];
    // Iterating rejects when the connection breaks before the body is whole.
    for await (const chunk of message) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  };
  return {
    status: message.statusCode ?? 0,
    headers: { get: (name) => [message.headers[name.toLowerCase()] ?? []].flat().join(", ") || null },
    text: async () => (await read()).toString("utf8"),
    arrayBuffer: async () => {
      const bytes = await read();
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    },
  };
}
