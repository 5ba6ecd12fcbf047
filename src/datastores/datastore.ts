import type { Readable } from "node:stream";

/** One object of a listing. */
export interface StoredObject {
  /** The key, byte for byte as the store names it. */
  readonly key: string;
  readonly sizeBytes: number;
  /** What the store says identifies the content; null where it says nothing. Compare for equality only. */
  readonly etag: string | null;
}

/** What to put: a file (streamed, never held whole) or a few bytes. */
export type Content =
  | { readonly kind: "file"; readonly path: string; readonly sizeBytes: number }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array };

/**
 * One bucket of one object store. Failures are `RemoteError` (remote-error.ts), translated at each adapter's
 * edge; nothing outside ever sees an SDK's class. All methods may be called at once from several places.
 * An aborted call rejects with the signal's reason and leaves nothing half done that anybody could see.
 */
export interface DataStore {
  /** For people, without credentials: `bucket 'mnist' at https://s3.example.org`. */
  readonly label: string;
  /**
   * Every object whose key begins with `prefix`, in the store's order, page by page as it is consumed.
   * Zero-byte "folder" keys that end in `/` are included; what they mean is the caller's business.
   * The first step rejects with reason `bucket_missing` when the bucket is not there. With `after`, only keys behind
   * that one in the store's order: how a listing that broke is taken up again.
   */
  list(prefix: string, signal: AbortSignal, after?: string): AsyncIterable<StoredObject>;
  /**
   * The object's bytes from `offset` on; none when `offset` is its size. The caller counts them and destroys a stream
   * that it does not read to the end. The stream may end early with or without an error; its errors are `RemoteError`.
   */
  read(key: string, offset: number, signal: AbortSignal): Promise<Readable>;
  /** What the store says of one object now; undefined when there is none. */
  head(key: string, signal: AbortSignal): Promise<StoredObject | undefined>;
  /**
   * Resolves only when the store holds exactly this content under the key: size and checksum were compared with
   * what the store reports. No half object is ever visible. The same content again changes nothing; other content replaces it.
   * `known` is what a listing said of the key, null that it was not in it: either spares a look, and must not be older
   * than the last put of the key by anybody else.
   */
  put(key: string, content: Content, signal: AbortSignal, known?: StoredObject | null): Promise<StoredObject>;
  close(): Promise<void>;
}

/** A store whose objects are files of this machine, so that a copy need not pass through this process. */
export interface FileBacked {
  /** Makes the new file `path`, which must not exist, with the object's content. Gives its size. */
  copyToFile(key: string, path: string, signal: AbortSignal): Promise<number>;
}

/** A store where a put that was cut off by a crash leaves something behind that no listing shows. */
export interface KeepsRemains {
  /**
   * Removes what unfinished puts below the prefix, a top folder, have left. Only for whoever knows that no other put
   * is under way there. May be repeated.
   */
  discardUnfinished(prefix: string, signal: AbortSignal): Promise<void>;
}

/** A store where large contents go up in parts that outlive whoever sent them. */
export interface ContinuesPuts {
  /**
   * From now on a put below the prefix, a top folder, goes on with what an earlier one of the same key left, as far as
   * the content is the same; and one that is cut off, or that the store stays away from, leaves its parts for the next.
   * Only for whoever knows that no other put is under way there, and sees to it that what stays is discarded at last.
   */
  continueUnfinished(prefix: string): void;
}

export function continuesPuts(store: DataStore): store is DataStore & ContinuesPuts {
  return "continueUnfinished" in store;
}

export function keepsRemains(store: DataStore): store is DataStore & KeepsRemains {
  return "discardUnfinished" in store;
}

export function isFileBacked(store: DataStore): store is DataStore & FileBacked {
  return "copyToFile" in store;
}
