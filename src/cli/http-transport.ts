import type { Agent, IncomingMessage, request, RequestOptions } from "node:http";
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
  let direct: Agent | undefined;
  return async (address, init) => {
    const url = new URL(address);
    const http = process.getBuiltinModule(url.protocol === "https:" ? "node:https" : "node:http");
    // An agent of its own asks no proxy; the global one does where the environment names one. Connections are kept:
    // a server that refuses an upload early closes one that is not, and its answer is lost in the reset.
    const agent = isLoopback(url.hostname) ? (direct ??= new http.Agent({ keepAlive: true })) : http.globalAgent;
    const body = init.body instanceof Object ? encodeForm(init.body, onUpload) : textBody(init.body);
    const send = (): Promise<IncomingMessage> => exchange(http.request, url, agent, init, body);
    // A kept connection may be closed by the server at the very moment it is used again.
    const message = await send().catch((error: unknown) => {
      if (error instanceof StaleConnection && init.body === undefined) return send();
      throw error instanceof StaleConnection ? error.cause : error;
    });
    return responseOf(message);
  };
}

/** A kept connection broke when it was used again; `cause` is how. */
class StaleConnection extends Error {}

interface Body {
  readonly headers: Record<string, string>;
  writeTo(request: NodeJS.WritableStream): void;
}

function textBody(text: string | undefined): Body {
  if (text === undefined) return { headers: {}, writeTo: (request) => request.end() };
  const bytes = Buffer.from(text);
  return { headers: { "content-length": String(bytes.length) }, writeTo: (request) => request.end(bytes) };
}

/**
 * A form as multipart/form-data, file-backed blobs read piece by piece. Not by `new Response(form)`: its stream
 * ends the process when an upload is given up in the middle, and it tells no length beforehand.
 */
function encodeForm(form: FormData, onUpload: ((sentBytes: number) => void) | undefined): Body {
  const boundary = `trainyard-${crypto.randomUUID()}`;
  const parts = [...form].map(([name, value]) => partOf(boundary, name, value));
  const end = Buffer.from(`--${boundary}--\r\n`);
  const sizeBytes = parts.reduce((sum, { head, content }) => sum + head.length + content.size + 2, end.length);
  async function* encoded(): AsyncGenerator<Uint8Array> {
    let sentBytes = 0;
    for (const { head, content } of parts) {
      yield head;
      for await (const chunk of content.stream()) {
        yield chunk;
        sentBytes += chunk.length;
        onUpload?.(sentBytes);
      }
      yield Buffer.from("\r\n");
    }
    yield end;
  }
  return {
    headers: { "content-type": `multipart/form-data; boundary=${boundary}`, "content-length": String(sizeBytes) },
    writeTo: (request) => {
      const { pipeline, Readable } = process.getBuiltinModule("node:stream");
      // What goes wrong is told by the request itself.
      pipeline(Readable.from(encoded()), request, () => {});
    },
  };
}

function partOf(boundary: string, name: string, value: string | File): { head: Buffer; content: Blob } {
  const content = typeof value === "string" ? new Blob([value]) : value;
  const file = typeof value === "string" ? "" : `; filename="${quotable(value.name)}"`;
  const type = content.type === "" ? "application/octet-stream" : content.type;
  const head = `--${boundary}\r\ncontent-disposition: form-data; name="${quotable(name)}"${file}\r\ncontent-type: ${type}\r\n\r\n`;
  return { head: Buffer.from(head), content };
}

/** As browsers write names of form fields and files. */
function quotable(text: string): string {
  return text.replaceAll('"', "%22").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function exchange(
  start: typeof request,
  url: URL,
  agent: Agent,
  init: FetchRequest,
  body: Body,
): Promise<IncomingMessage> {
  const options: RequestOptions = {
    method: init.method,
    headers: { ...init.headers, ...body.headers, accept: "*/*" },
    timeout: SILENCE_LIMIT_MS,
    agent,
    ...(init.signal === undefined ? {} : { signal: init.signal }),
  };
  return new Promise((resolve, reject) => {
    const sending = start(url, options, (message) => {
      // Whole answer, unfinished upload: the server refused it, and the rest would be sent for nothing.
      message.once("end", () => sending.writableFinished || sending.destroy());
      resolve(message);
    });
    sending.on("timeout", () => sending.destroy(Object.assign(new Error("silence"), { code: "ETIMEDOUT" })));
    sending.on("error", (error) => {
      reject(sending.reusedSocket ? new StaleConnection("stale", { cause: error }) : error);
    });
    body.writeTo(sending);
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
