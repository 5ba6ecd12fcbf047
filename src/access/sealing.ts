import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import { join } from "node:path";
import { randomText } from "../base/random-text.ts";
import { keyFileRefused, secretUnreadable } from "../domain/errors.ts";
import { createKeyFile, readKeyFile } from "./key-file.ts";

/**
 * Seals what must not be readable in the database: AES-256-GCM, so that a change is noticed as well.
 *
 *   envelope = v1 . keyId . nonce . ciphertext and tag       (base64url)
 *
 * `context` is the id of the record that the secret belongs to. It is bound in, so that an envelope which is copied
 * to another record does not open there.
 */
export interface Keyring {
  seal(plaintext: string, context: string): string;
  /** Throws `secret_unreadable` when the key is gone, the envelope was changed, or it belongs to another record. */
  unseal(envelope: string, context: string): string;
  /** A token that follows from the context and the key, so that nobody need keep it. */
  tokenFor(context: string): string;
  /** Whether `tokenFor` of this key, or of one before it, has made the token. */
  isTokenFor(context: string, token: string): boolean;
}

const VERSION = "v1";
/** So that the same key file may one day serve other purposes without one key doing two things. */
const PURPOSE = "trainyard sealed credentials v1";
const TOKEN_PURPOSE = "trainyard tokens of programs v1";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_LINE = /^([A-Za-z0-9]{1,16}) ([A-Za-z0-9_-]{43})$/;

/**
 * The keys in `home/secret.key`, one on each line: its id, a space, 32 bytes in base64url. The first line seals,
 * all lines open. Makes the file with one key where there is none.
 */
export async function openKeyring(home: string): Promise<Keyring> {
  const path = join(home, "secret.key");
  let text = await readKeyFile(path);
  if (text === undefined) {
    await createKeyFile(path, `${randomText(8)} ${randomBytes(KEY_BYTES).toString("base64url")}\n`);
    text = (await readKeyFile(path)) ?? "";
  }
  return keyringOf(parseKeys(path, text));
}

/** What is made of one key of the file: one for each purpose. */
interface DerivedKeys {
  readonly sealing: Buffer;
  readonly tokens: Buffer;
}

function parseKeys(path: string, text: string): ReadonlyMap<string, DerivedKeys> {
  const keys = new Map<string, DerivedKeys>();
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [, keyId, secret] = KEY_LINE.exec(line.trim()) ?? [];
    if (keyId === undefined || secret === undefined) {
      throw keyFileRefused(path, `line ${index + 1} is not a key`, "Restore the file from a backup.");
    }
    if (keys.has(keyId)) throw keyFileRefused(path, `key '${keyId}' is there twice`, "Give each key an id of its own.");
    const derive = (purpose: string): Buffer =>
      Buffer.from(hkdfSync("sha256", Buffer.from(secret, "base64url"), "", purpose, KEY_BYTES));
    keys.set(keyId, { sealing: derive(PURPOSE), tokens: derive(TOKEN_PURPOSE) });
  }
  if (keys.size === 0) {
    throw keyFileRefused(path, "it holds no key", "Restore it from a backup, or delete it to begin with a new key.");
  }
  return keys;
}

function keyringOf(keys: ReadonlyMap<string, DerivedKeys>): Keyring {
  const [writingId, { sealing: writingKey, tokens: tokenKey }] = keys.entries().next().value as [string, DerivedKeys];
  return {
    tokenFor: (context) => tokenOf(tokenKey, context),
    isTokenFor: (context, token) =>
      [...keys.values()].some(({ tokens }) => {
        const expected = Buffer.from(tokenOf(tokens, context));
        const given = Buffer.from(token);
        return given.length === expected.length && timingSafeEqual(given, expected);
      }),
    seal: (plaintext, context) => {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv("aes-256-gcm", writingKey, nonce).setAAD(boundFacts(writingId, context));
      const sealed = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final(), cipher.getAuthTag()]);
      return [VERSION, writingId, nonce.toString("base64url"), sealed.toString("base64url")].join(".");
    },
    unseal: (envelope, context) => {
      const [version, keyId, nonceText, sealedText, ...rest] = envelope.split(".");
      if (
        version !== VERSION ||
        keyId === undefined ||
        nonceText === undefined ||
        sealedText === undefined ||
        rest.length > 0
      ) {
        throw secretUnreadable(context, "they are not an envelope of this version");
      }
      const key = keys.get(keyId)?.sealing;
      if (key === undefined) throw secretUnreadable(context, `the key '${keyId.slice(0, 16)}' is not in secret.key`);
      return open(key, nonceText, sealedText, boundFacts(keyId, context), context);
    },
  };
}

function tokenOf(key: Buffer, context: string): string {
  return createHmac("sha256", key).update(context).digest("base64url");
}

function open(key: Buffer, nonceText: string, sealedText: string, facts: Buffer, context: string): string {
  const nonce = Buffer.from(nonceText, "base64url");
  const sealed = Buffer.from(sealedText, "base64url");
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES }).setAAD(facts);
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    return decipher.update(sealed.subarray(0, -TAG_BYTES), undefined, "utf8") + decipher.final("utf8");
  } catch {
    // The library's error says no more than this, and whatever it holds must not travel.
    throw secretUnreadable(context, "they were changed, or belong to another record");
  }
}

function boundFacts(keyId: string, context: string): Buffer {
  return Buffer.from(`${VERSION}.${keyId}.${context}`);
}
