/** The head of an answer of HTTP/1.1, as far as its body's length depends on it. */
export interface AnswerHead {
  readonly status: number;
  header(name: string): string | undefined;
  /** Of the body; null when it comes in chunks. */
  readonly bodyBytes: number | null;
  /** The server closes the connection after it. */
  readonly isLast: boolean;
}

/**
 * Reads a head without its empty line. Undefined for everything whose body's length is not beyond doubt (RFC 9112,
 * section 6.3), for interim answers and for answers that never have a body.
 */
export function parseAnswerHead(text: string): AnswerHead | undefined {
  const [first = "", ...lines] = text.split("\r\n");
  const status = Number(/^HTTP\/1\.1 ([2-5]\d\d)(?: |$)/.exec(first)?.[1]);
  if (Number.isNaN(status) || status === 204 || status === 304) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    if (colon < 1 || /[^!-~]/.test(name)) return undefined;
    const isFraming = name === "content-length" || name === "transfer-encoding";
    if (isFraming && headers.has(name)) return undefined;
    if (!headers.has(name)) headers.set(name, line.slice(colon + 1).trim());
  }
  const length = headers.get("content-length");
  const coding = headers.get("transfer-encoding")?.toLowerCase();
  const isChunked = coding === "chunked" && length === undefined;
  if (!isChunked && (coding !== undefined || !/^\d{1,15}$/.test(length ?? ""))) return undefined;
  return {
    status,
    header: (name) => headers.get(name),
    bodyBytes: isChunked ? null : Number(length),
    isLast: headers.get("connection")?.toLowerCase().includes("close") === true,
  };
}

/** A small body that came in chunks (RFC 9112, section 7.1); undefined while its end has not come. */
export function joinChunks(body: Buffer): Buffer | undefined {
  const chunks: Buffer[] = [];
  for (let at = 0; ;) {
    const end = body.indexOf("\r\n", at);
    if (end < 0) return undefined;
    const size = Number.parseInt(body.toString("latin1", at, end), 16);
    if (!(size >= 0)) return undefined;
    if (size === 0) return Buffer.concat(chunks);
    at = end + 2;
    if (at + size + 2 > body.length) return undefined;
    chunks.push(body.subarray(at, at + size));
    at += size + 2;
  }
}
