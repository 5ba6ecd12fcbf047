/** Shorter ones cannot be told from ordinary words; masking them would destroy the log. */
const MIN_LENGTH = 4;
/** So much of a secret may stand at the end of what is there before it is held back for what follows. */
const GIVEN_AWAY = 3;
const MASK = 0x2a;

/**
 * Replaces known secrets in the bytes of a log by as many asterisks, so that every offset stays what it was. A secret
 * is looked for as it is, JSON-escaped, percent-encoded, in base64 wherever it may begin within a group of three
 * bytes, and line by line where it has several. Immutable; may be used by all readers of a run's logs at once.
 */
export class SecretMask {
  readonly #forms: readonly Buffer[];
  /** Bytes of the longest form; a reader looks so far, less one, beyond both ends of what it gives. */
  readonly reach: number;

  constructor(secrets: readonly string[]) {
    const maskable = secrets.filter(isLong);
    const forms = new Set(maskable.flatMap(formsOf).filter(isLong));
    // The longest first: of a secret within another the whole is masked.
    this.#forms = [...forms].map((form) => Buffer.from(form)).toSorted((a, b) => b.length - a.length);
    this.reach = this.#forms[0]?.length ?? 1;
  }

  get isEmpty(): boolean {
    return this.#forms.length === 0;
  }

  /** Masks in place what lies whole within the bytes. True when there was something. */
  apply(bytes: Buffer): boolean {
    const hits: [number, number][] = [];
    for (const form of this.#forms) {
      for (let at = bytes.indexOf(form); at !== -1; at = bytes.indexOf(form, at + 1)) hits.push([at, at + form.length]);
    }
    // Only now, so that one form does not hide another that overlaps it.
    for (const [from, to] of hits) bytes.fill(MASK, from, to);
    return hits.length > 0;
  }

  /** How many bytes from the beginning can be given before it is known what follows: all but the beginning of a secret. */
  givable(bytes: Buffer): number {
    const from = Math.max(0, bytes.length - this.reach + 1);
    let least = bytes.length;
    for (const form of this.#forms) {
      for (let at = Math.max(from, bytes.length - form.length + 1); at <= bytes.length - GIVEN_AWAY - 1; at += 1) {
        if (at >= least) break;
        if (bytes.compare(form, 0, bytes.length - at, at, bytes.length) === 0) least = at;
      }
    }
    return least;
  }
}

function isLong(text: string): boolean {
  return Buffer.byteLength(text) >= MIN_LENGTH;
}

function formsOf(secret: string): readonly string[] {
  const lines = secret.split(/\r?\n/u).filter((line) => line.trim().length >= MIN_LENGTH);
  return [secret, ...lines].flatMap((text) => [
    text,
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text.toWellFormed()),
    encodeURIComponent(text.toWellFormed()).replaceAll(/%[0-9A-F]{2}/gu, (code) => code.toLowerCase()),
    ...base64Forms(text),
  ]);
}

/**
 * What of the secret's base64 does not depend on what stands before and behind it, for the three places within a group
 * at which it may begin: `user:SECRET` of a basic authentication is found as well.
 */
function base64Forms(text: string): readonly string[] {
  return [0, 1, 2].flatMap((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]);
    const encoded = bytes.toString("base64").replaceAll("=", "");
    const first = Math.ceil((before * 8) / 6);
    const last = Math.floor((bytes.length * 8) / 6);
    const sure = encoded.slice(first, last);
    return [sure, sure.replaceAll("+", "-").replaceAll("/", "_")];
  });
}
