import {
  ListObjectsCommand,
  type ListObjectsCommandOutput,
  ListObjectsV2Command,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { StoredObject } from "../datastore.ts";
import { plainEtag } from "../etag.ts";
import { compareKeys } from "../key-path.ts";
import { RemoteError } from "../remote-error.ts";

/** Where the next page begins: by the token of the page before, or by a key where servers are too old for tokens. */
type Position =
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "key"; readonly after: string | undefined }
  | { readonly kind: "marker"; readonly after: string };

export interface ListingParts {
  readonly client: S3Client;
  readonly bucket: string;
  readonly label: string;
}

/**
 * All objects with a prefix, a page of up to 1,000 at a time. A server that does not know the listing of 2016
 * (`list-type=2`) answers as in 2006 and is then asked in its own way. A server whose pages do not move on is left.
 */
export async function* listObjects(
  parts: ListingParts,
  prefix: string,
  after: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<StoredObject> {
  let position: Position | undefined = { kind: "key", after };
  let last = after;
  while (position !== undefined) {
    const page: Page | undefined = await fetchPage(parts, prefix, position, signal);
    if (page === undefined) throw notAListing(parts.label);
    for (const object of page.objects) {
      // A listing may give a key again at the seam of two pages, never an earlier one.
      if (last !== undefined && compareKeys(object.key, last) <= 0) continue;
      last = object.key;
      yield object;
    }
    if (page.isLast) return;
    const next = nextPosition(page, last, position);
    if (next === undefined) {
      throw new RemoteError("server_error", `Listing ${parts.label} does not move on after '${last ?? ""}'.`, {
        retryable: true,
      });
    }
    position = next;
  }
}

interface Page {
  readonly objects: readonly StoredObject[];
  readonly isLast: boolean;
  readonly token: string | undefined;
}

function nextPosition(page: Page, last: string | undefined, position: Position): Position | undefined {
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
): Promise<Page | undefined> {
  // Encoded, because XML cannot carry every character that a key can.
  const common = { Bucket: parts.bucket, Prefix: prefix, EncodingType: "url" } as const;
  const options = { abortSignal: signal };
  if (position.kind === "marker") {
    const page = await parts.client.send(new ListObjectsCommand({ ...common, Marker: position.after }), options);
    return readPage(page, undefined);
  }
  const from = position.kind === "token" ? { ContinuationToken: position.token } : { StartAfter: position.after };
  const page = await parts.client.send(new ListObjectsV2Command({ ...common, ...from }), options);
  return readPage(page, page.NextContinuationToken);
}

/** Undefined for an answer that is no listing at all: the SDK reads any web page as one without objects. */
function readPage(
  page: Pick<ListObjectsCommandOutput, "Contents" | "EncodingType" | "IsTruncated">,
  token?: string,
): Page | undefined {
  if (page.IsTruncated === undefined && page.Contents === undefined) return undefined;
  const decode = page.EncodingType === "url" ? decodeKey : (key: string): string => key;
  const objects = (page.Contents ?? []).map((entry) => ({
    key: decode(entry.Key ?? ""),
    sizeBytes: entry.Size ?? 0,
    etag: plainEtag(entry.ETag),
  }));
  return { objects, isLast: page.IsTruncated !== true, token };
}

function decodeKey(key: string): string {
  return decodeURIComponent(key.replaceAll("+", "%20"));
}

function notAListing(label: string): RemoteError {
  return new RemoteError("server_error", `Listing ${label} failed: the answer is not one of an S3 store.`, {
    retryable: true,
  });
}
