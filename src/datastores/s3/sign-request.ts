import { hash } from "node:crypto";

/**
 * Signature Version 4 of Amazon's services, in the form that S3 asks for: the path is escaped once, and the hash of the
 * body is a header. https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export interface SigningKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

/** A request without a body. */
export interface UnsignedRequest {
  readonly method: "GET" | "HEAD";
  /** As in the Host header. */
  readonly host: string;
  /** Escaped with `escapePath`. */
  readonly path: string;
  /** Escaped and sorted with `canonicalQuery`; "" for none. */
  readonly query: string;
}

const ALGORITHM = "AWS4-HMAC-SHA256";
const SIGNED_HEADERS = "host;x-amz-content-sha256;x-amz-date";
/** Of SHA-256. */
const BLOCK_BYTES = 64;
const SHA256_OF_NOTHING = hash("sha256", "", "hex");

/** Signs many requests with one pair of keys. */
export class RequestSigner {
  readonly #keys: SigningKeys;
  /** The key of a day is made of the secret by four hashes; kept until the day is over. */
  #day = "";
  #dayKey = new HmacKey(Buffer.alloc(0));

  constructor(keys: SigningKeys) {
    this.#keys = keys;
  }

  /** The headers to send along. Further headers may be sent unsigned. */
  sign({ method, host, path, query }: UnsignedRequest, now: Date): Record<string, string> {
    const at = now.toISOString().replace(/[-:]|\.\d{3}/g, "");
    const day = at.slice(0, 8);
    const scope = `${day}/${this.#keys.region}/s3/aws4_request`;
    const headers = `host:${host}\nx-amz-content-sha256:${SHA256_OF_NOTHING}\nx-amz-date:${at}\n`;
    const canonical = `${method}\n${path}\n${query}\n${headers}\n${SIGNED_HEADERS}\n${SHA256_OF_NOTHING}`;
    const toSign = `${ALGORITHM}\n${at}\n${scope}\n${hash("sha256", canonical, "hex")}`;
    const signature = this.#keyOf(day).sign(toSign).toString("hex");
    return {
      "x-amz-content-sha256": SHA256_OF_NOTHING,
      "x-amz-date": at,
      authorization: `${ALGORITHM} Credential=${this.#keys.accessKeyId}/${scope}, SignedHeaders=${SIGNED_HEADERS}, Signature=${signature}`,
    };
  }

  #keyOf(day: string): HmacKey {
    if (day !== this.#day) {
      const { secretAccessKey, region } = this.#keys;
      let key = new HmacKey(Buffer.from(`AWS4${secretAccessKey}`));
      for (const word of [day, region, "s3", "aws4_request"]) key = new HmacKey(key.sign(word));
      this.#dayKey = key;
      this.#day = day;
    }
    return this.#dayKey;
  }
}

/**
 * HMAC-SHA256 with one key for many short texts (RFC 2104), by hashing at one go: `createHmac` makes an object of the
 * key each time, which costs more than the two hashes.
 */
class HmacKey {
  readonly #inner: Buffer;
  readonly #outer: Buffer;

  constructor(key: Buffer) {
    const block = Buffer.alloc(BLOCK_BYTES);
    (key.length > BLOCK_BYTES ? hash("sha256", key, "buffer") : key).copy(block);
    this.#inner = Buffer.from(block.map((byte) => byte ^ 0x36));
    this.#outer = Buffer.from(block.map((byte) => byte ^ 0x5c));
  }

  sign(text: string): Buffer {
    const inner = hash("sha256", Buffer.concat([this.#inner, Buffer.from(text)]), "buffer");
    return hash("sha256", Buffer.concat([this.#outer, inner]), "buffer");
  }
}

/** Everything but letters, digits and `-._~` as bytes of UTF-8; half characters, which cannot be sent, are replaced. */
function escapeUri(text: string): string {
  const escaped = encodeURIComponent(text.toWellFormed());
  return /[!'()*]/.test(escaped) ? escaped.replace(/[!'()*]/g, percent) : escaped;
}

/** The path of a bucket, or of an object whose slashes stay slashes. */
export function escapePath(bucket: string, key: string): string {
  return `/${escapeUri(bucket)}/${key.split("/").map(escapeUri).join("/")}`;
}

export function canonicalQuery(parameters: Readonly<Record<string, string | undefined>>): string {
  const pairs = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [`${escapeUri(name)}=${escapeUri(value)}`],
  );
  return pairs.sort().join("&");
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
