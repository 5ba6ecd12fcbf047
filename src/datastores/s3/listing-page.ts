import type { StoredObject } from "../datastore.ts";
import { plainEtag } from "../etag.ts";

/** A page of a listing, of either version of the request. */
export interface ListingPage {
  readonly objects: readonly StoredObject[];
  readonly isLast: boolean;
  readonly token: string | undefined;
}

/** A tag with the text behind it; S3's answers have no other markup, and text in it is escaped. */
const TAG = /<(\/?)(?:[\w.-]+:)?([\w.-]+)(?:\s[^>]*)?(\/?)>([^<]*)/g;

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** Undefined for an answer that is no listing, or not a whole one. */
export function parseListingPage(xml: string): ListingPage | undefined {
  const objects: StoredObject[] = [];
  const facts = new Map<string, string>();
  let entry: Map<string, string> | undefined;
  let depth = 0;
  let isWhole = false;
  for (const [, closing, name = "", empty, text = ""] of xml.matchAll(TAG)) {
    if (closing === "/") {
      depth -= 1;
      if (depth === 1 && name === "Contents" && entry !== undefined) {
        objects.push(readEntry(entry));
        entry = undefined;
      }
      isWhole = depth === 0 && name === "ListBucketResult";
      continue;
    }
    if (depth === 0 && name !== "ListBucketResult") return undefined;
    if (depth === 1 && name === "Contents") entry = new Map();
    else if (depth === 1) facts.set(name, text);
    else if (depth === 2) entry?.set(name, text);
    if (empty !== "/") depth += 1;
  }
  if (!isWhole) return undefined;
  const isEscaped = facts.get("EncodingType") === "url";
  const token = facts.get("NextContinuationToken");
  return {
    objects: isEscaped ? objects.map((object) => ({ ...object, key: unescapeKey(object.key) })) : objects,
    isLast: facts.get("IsTruncated")?.trim() !== "true",
    token: token === undefined || token === "" ? undefined : unescapeText(token),
  };
}

function readEntry(entry: ReadonlyMap<string, string>): StoredObject {
  const etag = entry.get("ETag");
  return {
    key: unescapeText(entry.get("Key") ?? ""),
    sizeBytes: Number(entry.get("Size") ?? 0),
    etag: plainEtag(etag === undefined ? undefined : unescapeText(etag).trim()),
  };
}

/** As forms escape text. */
function unescapeKey(key: string): string {
  return key.includes("%") || key.includes("+") ? decodeURIComponent(key.replaceAll("+", "%20")) : key;
}

function unescapeText(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&(#x[\da-f]+|#\d+|[a-z]+);/gi, (whole, name: string) => {
    if (name.startsWith("#x")) return String.fromCodePoint(Number.parseInt(name.slice(2), 16));
    if (name.startsWith("#")) return String.fromCodePoint(Number(name.slice(1)));
    return ENTITIES[name] ?? whole;
  });
}
