import { md5sOf, sizeOf } from "./content.ts";
import type { Content, StoredObject } from "./datastore.ts";
import { type Piece, planPieces } from "./plan-pieces.ts";
import { RemoteError } from "./remote-error.ts";
import type { Retrier } from "./retry.ts";

/** What is needed to look whether an object is there already. */
export interface Looking {
  readonly retrier: Retrier;
  readonly head: (key: string, signal: AbortSignal) => Promise<StoredObject | undefined>;
}

/** How a store takes contents that are too large for one request. */
export interface Cut {
  readonly pieceBytes: number;
  /** The most pieces of one object. */
  readonly most: number;
  /** What the store will say identifies an object of these pieces. */
  readonly joinedEtag: (md5s: readonly Buffer[]) => string;
}

/** A content that was read once, for its checksums, before any of it is sent. */
export interface PlannedPut {
  /** As the store will tell of it. */
  readonly object: StoredObject & { readonly etag: string };
  /** At least one. */
  readonly plan: readonly Piece[];
  readonly md5s: readonly Buffer[];
}

/** Reads the content from end to end; memory does not grow with it. */
export async function planPut(key: string, content: Content, cut: Cut, signal: AbortSignal): Promise<PlannedPut> {
  const sizeBytes = sizeOf(content);
  const plan = planPieces(sizeBytes, cut.pieceBytes, cut.most);
  const md5s = await md5sOf(content, plan, signal);
  const [first] = md5s;
  const etag = plan.length === 1 && first !== undefined ? first.toString("hex") : cut.joinedEtag(md5s);
  return { object: { key, sizeBytes, etag }, plan, md5s };
}

/** Whether the store has exactly this object. What a listing `known` before says spares the question where it decides it. */
export async function isThere(
  looking: Looking,
  object: StoredObject,
  known: StoredObject | null | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  if (known === null) return false;
  if (known !== undefined && isSame(known, object)) return true;
  const present = await lookBeforePut(looking, object.key, signal);
  return present !== undefined && isSame(present, object);
}

/** The object as the store has it now. Who may write but not look learns nothing, and cannot be spared the upload. */
async function lookBeforePut(
  { retrier, head }: Looking,
  key: string,
  signal: AbortSignal,
): Promise<StoredObject | undefined> {
  try {
    return await retrier.run(`look up '${key}'`, async () => head(key, signal), signal);
  } catch (error) {
    if (error instanceof RemoteError && error.status === 403) return undefined;
    throw error;
  }
}

function isSame(a: StoredObject, b: StoredObject): boolean {
  return a.sizeBytes === b.sizeBytes && a.etag === b.etag;
}
