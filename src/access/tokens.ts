import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { keyFileRefused } from "../domain/errors.ts";
import { createKeyFile, readKeyFile } from "./key-file.ts";

/** The account that the first start makes. */
export const ADMIN_ACCOUNT = "admin";

/** `tyd_` lets secret scanners recognise a token that was published by mistake. */
const TOKEN_TEXT = /^tyd_[A-Za-z0-9_-]{43}$/;

/** Where tokens become known; the store is one. */
export interface TokenSink {
  saveToken(token: {
    readonly sha256: string;
    readonly account: string;
    readonly name: string;
    readonly createdAt: Date;
  }): Promise<void>;
}

/** A new credential: `tyd_` and 32 random bytes. It is shown once; only its hash is kept. */
export function makeToken(): string {
  return `tyd_${randomBytes(32).toString("base64url")}`;
}

/** What the store keeps. A plain hash is enough: nobody can try 2^256 tokens. */
export function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/**
 * Makes sure that the token in `home/admin-token` is the administrator's, and makes one at the first start. May be
 * repeated; after the file was deleted the next call makes a new token, and the old one is no longer known.
 */
export async function ensureAdminToken(options: {
  readonly home: string;
  readonly tokens: TokenSink;
  readonly clock: Clock;
}): Promise<string> {
  const path = join(options.home, "admin-token");
  let text = await readKeyFile(path);
  if (text === undefined) {
    await createKeyFile(path, `${makeToken()}\n`);
    text = (await readKeyFile(path)) ?? "";
  }
  const token = text.trim();
  if (!TOKEN_TEXT.test(token)) {
    throw keyFileRefused(path, "it does not hold a token", "Delete it; the next start makes a new one.");
  }
  await options.tokens.saveToken({
    sha256: hashToken(token),
    account: ADMIN_ACCOUNT,
    name: "admin-token",
    createdAt: options.clock.now(),
  });
  return token;
}
