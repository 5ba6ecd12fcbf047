import type { StoredObject } from "../datastore.ts";
import { compareKeys } from "../key-path.ts";
import { RemoteError } from "../remote-error.ts";
import { type ListingPage, parseListingPage } from "./listing-page.ts";
import { failureOf, type S3Http } from "./s3-http.ts";

/** Where the next page begins: by the token of the page before, or by a key where servers are too old for tokens. */
type Position =
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "key"; readonly after: string | undefined }
  | { readonly kind: "marker"; readonly after: string };

export interface ListingParts {
  readonly http: S3Http;
  readonly bucket: string;
  readonly label: string;
}

/** A thousand keys of 1,024 bytes, each byte escaped, with what stands around them. */
const MAX_PAGE_BYTES = 16 * 1024 * 1024;

/** Pages in a row that bring nothing new: a server may have a few where much was deleted, and one that repeats itself has no end. */
const MAX_BARREN_PAGES = 100;

/**
 * All objects with a prefix, a page of up to 1,000 at a time, the next one asked for while the last one is used. A
 * server that does not know the listing of 2016 (`list-type=2`) answers as in 2006 and is then asked in its own way. A
 * server whose pages do not move on is left.
 */
export async function* listObjects(
  parts: ListingParts,
  prefix: string,
  after: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<StoredObject> {
  let coming: Promise<ListingPage> | undefined = fetchPage(parts, prefix, { kind: "key", after }, signal);
  let position: Position = { kind: "key", after };
  let last = after;
  for (let barren = 0; coming !== undefined;) {
    const page: ListingPage = await coming;
    coming = undefined;
    const fresh = newObjects(page.objects, last);
    last = fresh.at(-1)?.key ?? last;
    barren = fresh.length > 0 ? 0 : barren + 1;
    if (!page.isLast) {
      const next: Position | undefined = barren < MAX_BARREN_PAGES ? nextPosition(page, last, position) : undefined;
      if (next === undefined) throw doesNotMoveOn(parts.label, last);
      position = next;
      coming = fetchPage(parts, prefix, position, signal);
      // Whoever takes the objects of this page first learns of it when they come to the next.
      coming.catch(() => {});
    }
    yield* fresh;
  }
}

/** A listing may give a key again at the seam of two pages, never an earlier one. */
function newObjects(objects: readonly StoredObject[], after: string | undefined): readonly StoredObject[] {
  let last = after;
  return objects.filter(({ key }) => {
    if (last !== undefined && compareKeys(key, last) <= 0) return false;
    last = key;
    return true;
  });
}

function nextPosition(page: ListingPage, last: string | undefined, position: Position): Position | undefined {
  if (page.token !== undefined) {
    const isRepeated = position.kind === "token" && position.token === page.token;
    return isRepeated ? undefined : { kind: "token", token: page.token };
  }
  const before = position.kind === "token" ? undefined : position.after;
  return last === undefined || last === before ? undefined : { kind: "marker", after: last };
}

async function fetchPage(
  parts: ListingParts,
  prefix: string,
  position: Position,
  signal: AbortSignal,
): Promise<ListingPage> {
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  const sink = {
    begin: ({ status }: { readonly status: number }) => status === 200,
    take: (piece: Buffer) => {
      sizeBytes += piece.length;
      if (sizeBytes > MAX_PAGE_BYTES) throw notAListing(parts.label);
      pieces.push(piece);
      return undefined;
    },
  };
  const request = { method: "GET", key: "", query: queryOf(prefix, position) } as const;
  const answer = await parts.http.stream(request, sink, signal);
  if (answer.status !== 200) throw failureOf(answer);
  const text = Buffer.concat(pieces).toString("utf8");
  const page = parseListingPage(text);
  if (page !== undefined) return page;
  if (/<Error[\s>]/.test(text)) throw failureOf({ ...answer, text });
  throw notAListing(parts.label);
}

function queryOf(prefix: string, position: Position): Record<string, string | undefined> {
  // Encoded, because XML cannot carry every character that a key can.
  const common = { "encoding-type": "url", prefix };
  if (position.kind === "marker") return { ...common, marker: position.after };
  const from = position.kind === "token" ? { "continuation-token": position.token } : { "start-after": position.after };
  return { ...common, "list-type": "2", ...from };
}

function doesNotMoveOn(label: string, last: string | undefined): RemoteError {
  return new RemoteError("server_error", `Listing ${label} does not move on after '${last ?? ""}'.`, {
    retryable: true,
  });
}

function notAListing(label: string): RemoteError {
  return new RemoteError("server_error", `Listing ${label} failed: the answer is not one of an S3 store.`, {
    retryable: true,
  });
}
