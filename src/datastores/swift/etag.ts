import { createHash } from "node:crypto";
import { plainEtag } from "../etag.ts";
import type { Outcome } from "../http-client.ts";

/**
 * What identifies an object's content: of a plain one the MD5 of its bytes; of one in segments the MD5 of the segments'
 * MD5s, marked as such because it proves nothing about the bytes.
 */
export function segmentsEtag(md5s: readonly Buffer[]): string {
  const joined = md5s.map((md5) => md5.toString("hex")).join("");
  return marked(createHash("md5").update(joined).digest("hex"));
}

/** From an answer about one object. */
export function answeredEtag(answer: Outcome): string | null {
  const etag = plainEtag(answer.header("etag"));
  const isLarge =
    answer.header("x-static-large-object") !== undefined || answer.header("x-object-manifest") !== undefined;
  return etag !== null && isLarge ? marked(etag) : etag;
}

/** From a listing, where `hash` of an object in segments is the MD5 of the list of its segments. */
export function listedEtag(row: {
  readonly hash?: string | undefined;
  readonly slo_etag?: string | undefined;
}): string | null {
  const etag = plainEtag(row.slo_etag);
  return etag === null ? plainEtag(row.hash) : marked(etag);
}

/** As the store itself writes it. */
export function unmarked(etag: string): string {
  return etag.replace(/-segments$/, "");
}

function marked(etag: string): string {
  return `${etag}-segments`;
}
