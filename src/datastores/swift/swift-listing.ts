import { z } from "zod";
import { forEachConcurrently } from "../concurrently.ts";
import type { StoredObject } from "../datastore.ts";
import { compareKeys } from "../key-path.ts";
import { RemoteError } from "../remote-error.ts";
import { listedEtag } from "./etag.ts";
import type { HttpAnswer } from "../http-client.ts";
import { containerPath } from "./object-path.ts";
import { translateOutcome } from "./swift-errors.ts";
import type { SwiftSession } from "./swift-session.ts";

export interface ListingParts {
  readonly session: SwiftSession;
  readonly bucket: string;
  readonly label: string;
  /** Objects to ask for at a time; null leaves it to the store, which gives 10,000. */
  readonly pageSize: number | null;
  readonly head: (key: string, signal: AbortSignal) => Promise<StoredObject | undefined>;
}

/** A page of 10,000 rows with names of 1,024 bytes, each byte as JSON may escape it. */
const MAX_PAGE_BYTES = 96 * 1024 * 1024;

/** Questions about single objects of a listing at once. */
const LOOK_CONCURRENCY = 8;

/** Rows that are looked at together, before the first of them is handed out. */
const SLICE = 256;

const Page = z.array(
  z.object({
    name: z.string(),
    bytes: z.int().min(0),
    hash: z.string().optional(),
    slo_etag: z.string().optional(),
  }),
);
type Row = z.infer<typeof Page>[number];

/**
 * All objects with a prefix, page by page, the next one asked for while the last one is used; a page without objects is
 * the end.
 */
export async function* listObjects(
  parts: ListingParts,
  prefix: string,
  after: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<StoredObject> {
  let coming = fetchPage(parts, prefix, after ?? "", signal);
  for (let marker = after ?? ""; ;) {
    const rows: readonly Row[] = await coming;
    const last = rows.at(-1)?.name;
    if (last === undefined) return;
    if (marker !== "" && compareKeys(last, marker) <= 0) {
      const message = `Listing ${parts.label} does not move on after '${marker}'.`;
      throw new RemoteError("server_error", message, { retryable: true });
    }
    coming = fetchPage(parts, prefix, last, signal);
    // Whoever takes the objects of this page first learns of it when they come to the next.
    coming.catch(() => {});
    for (let start = 0; start < rows.length; start += SLICE) {
      yield* await withTrueSizes(parts, rows.slice(start, start + SLICE), signal);
    }
    marker = last;
  }
}

async function fetchPage(parts: ListingParts, prefix: string, marker: string, signal: AbortSignal): Promise<Row[]> {
  const query = new URLSearchParams({ format: "json", prefix, marker });
  if (parts.pageSize !== null) query.set("limit", String(parts.pageSize));
  const path = `${containerPath(parts.bucket)}?${query.toString()}`;
  const answer = await parts.session.send({ method: "GET", path, headers: { accept: "application/json" } }, signal);
  if (answer.status === 200) return readPage(answer, parts.label);
  await answer.discard();
  const missing = { reason: "bucket_missing", fact: "the bucket does not exist" } as const;
  throw translateOutcome(answer, `Listing ${parts.label} failed`, answer.status === 404 ? missing : {});
}

async function readPage(answer: HttpAnswer, label: string): Promise<Row[]> {
  const text = await answer.text(MAX_PAGE_BYTES);
  try {
    return Page.parse(JSON.parse(text));
  } catch {
    // Not JSON or not a listing: either way it was not Swift that answered, or its answer was cut.
    throw translateOutcome(answer, `Listing ${label} failed`);
  }
}

/**
 * A dynamic large object and a link stand in a listing as empty, with the MD5 of nothing, and only a look at the object
 * itself tells. That costs a request for every object that is empty and no folder's mark.
 */
async function withTrueSizes(
  parts: ListingParts,
  rows: readonly Row[],
  signal: AbortSignal,
): Promise<readonly StoredObject[]> {
  const objects = rows.map((row) => ({ key: row.name, sizeBytes: row.bytes, etag: listedEtag(row) }));
  const empty = async function* (): AsyncGenerator<number> {
    yield* objects.keys().filter((index) => objects[index]?.sizeBytes === 0 && !objects[index].key.endsWith("/"));
  };
  const look = async (index: number, aborted: AbortSignal): Promise<void> => {
    const object = objects[index];
    if (object !== undefined) objects[index] = await lookAt(parts, object, aborted);
  };
  await forEachConcurrently(empty, LOOK_CONCURRENCY, look, signal);
  return objects;
}

async function lookAt(parts: ListingParts, listed: StoredObject, signal: AbortSignal): Promise<StoredObject> {
  try {
    return (await parts.head(listed.key, signal)) ?? listed;
  } catch (error) {
    signal.throwIfAborted();
    // Whoever reads the object learns what is the matter with it; the others are listed all the same.
    if (error instanceof RemoteError && !error.retryable) return listed;
    throw error;
  }
}
