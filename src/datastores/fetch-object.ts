import type { DataStore, StoredObject } from "./datastore.ts";
import { proofOf } from "./content-proof.ts";
import { type FetchTerms, ObjectFetch } from "./object-fetch.ts";
import { RemoteError } from "./remote-error.ts";
import type { Retrier } from "./retry.ts";
import type { TransferShare } from "./transfer-budget.ts";

/** How often an object may be begun anew because it arrived damaged. */
const MAX_STARTS = 4;

/** What all objects of one transfer have in common. */
export interface FetchLine {
  readonly store: DataStore;
  readonly share: TransferShare;
  readonly retrier: Retrier;
  /** Told of bytes as they arrive, also of those that have to come again. */
  readonly onBytes: (count: number) => void;
  /** Larger objects come in several ranges of about this size at once. */
  readonly partBytes: number;
}

export type Fetched =
  /** Whole and checked, and still the object that was listed. */
  | { readonly kind: "arrived"; readonly sizeBytes: number; readonly etag: string | null }
  /** Replaced in the store since it was listed. There is no file. */
  | { readonly kind: "changed"; readonly now: StoredObject }
  /** Removed from the store since it was listed. There is no file. */
  | { readonly kind: "gone" };

/**
 * Brings one object into the new file `path`. The file is there only when the object has arrived.
 *
 *   ranges, each taken up where it broke ──all there──▶ checksum right? ──yes──▶ arrived
 *        │ answers of another version                        │ no
 *        ▼                                                   ▼
 *   look: what is in the store now? ──the same──▶ begin anew, at most MAX_STARTS times
 *        └──▶ changed, gone
 *
 * Of an upload in parts the size of the parts is guessed: where the same bytes come twice, it was the guess that erred.
 */
export async function fetchObject(
  line: FetchLine,
  object: StoredObject,
  path: string,
  signal: AbortSignal,
): Promise<Fetched> {
  const { store, retrier } = line;
  let terms: FetchTerms = { trustsEtags: true, accepted: null };
  for (let start = 1; ; start += 1) {
    const end = await new ObjectFetch(line, object, path, terms).run(signal);
    if (end.kind === "whole") return { kind: "arrived", sizeBytes: object.sizeBytes, etag: end.etag };
    const now = await store.head(object.key, signal);
    if (now === undefined) return { kind: "gone" };
    if (!isSameContent(now, object)) return { kind: "changed", now };
    if (end.kind === "missing") throw end.error;
    if (end.kind === "replaced") {
      if (!terms.trustsEtags) throw neverTheSame(store, object);
      terms = { ...terms, trustsEtags: false };
      continue;
    }
    if (start >= MAX_STARTS) throw end.error;
    if (proofOf(object).kind === "parts") terms = { ...terms, accepted: end.computed };
    await retrier.waitOrThrow(`read '${object.key}' anew`, start, end.error, signal);
  }
}

/** As far as both sides say something. */
function isSameContent(a: StoredObject, b: StoredObject): boolean {
  return a.sizeBytes === b.sizeBytes && (a.etag === null || b.etag === null || a.etag === b.etag);
}

function neverTheSame(store: DataStore, { key }: StoredObject): RemoteError {
  const message = `Object '${key}' of ${store.label} is never answered with the size that the store says it has.`;
  return new RemoteError("corrupted", message, { retryable: true });
}
