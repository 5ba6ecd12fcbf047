import { archiveUnsafe } from "../domain/archive-errors.ts";
import { showName } from "./entry-name.ts";

const HOST_UNIX = 3;
const HOST_DARWIN = 19;

const TYPE_BITS = 0o170000;
const EXECUTE_BITS = 0o111;
const REGULAR = 0o100000;
const FOLDER = 0o040000;

const REFUSED_TYPES: Readonly<Record<number, string>> = {
  0o120000: "a symbolic link",
  0o010000: "a named pipe",
  0o020000: "a device",
  0o060000: "a device",
  0o140000: "a socket",
};

export type EntryKind =
  | { readonly kind: "folder" }
  /** `isExecutable` is undefined where the ZIP does not say: a `#!` at the start of the file then decides. */
  | { readonly kind: "file"; readonly isExecutable: boolean | undefined };

interface EntryFacts {
  readonly name: string;
  readonly endsInSeparator: boolean;
  readonly sizeBytes: number;
  /** The two halves of the ZIP's "version made by" and "external attributes" that matter here. */
  readonly host: number;
  readonly mode: number;
}

/**
 * A file or a folder, and nothing else. Of a mode only the execute bit survives: set-user-id, sticky and group
 * bits are dropped rather than refused, because folders on shared machines honestly carry them.
 */
export function entryKind(entry: EntryFacts): EntryKind {
  const type = entry.mode & TYPE_BITS;
  // Asked whatever the host says: other programs make a link of it even then.
  if (type !== 0 && type !== REGULAR && type !== FOLDER) {
    throw archiveUnsafe(
      `'${showName(entry.name)}' is ${REFUSED_TYPES[type] ?? "a special file"}`,
      "A model definition holds plain files and folders only; pack the file that a link leads to (zip does that without -y).",
    );
  }
  if (entry.endsInSeparator) {
    if (entry.sizeBytes > 0) throw contradiction(entry.name, "is a folder by its name and has content");
    return { kind: "folder" };
  }
  if (type === FOLDER) throw contradiction(entry.name, "is a folder by its mode and a file by its name");
  return { kind: "file", isExecutable: isExecutable(entry.host, entry.mode) };
}

function isExecutable(host: number, mode: number): boolean | undefined {
  const isUnix = host === HOST_UNIX || host === HOST_DARWIN;
  if (isUnix && (mode & EXECUTE_BITS) !== 0) return true;
  // A mode without a type was not read from a file: Python's `writestr` puts 0600 there.
  return isUnix && (mode & TYPE_BITS) === REGULAR ? false : undefined;
}

function contradiction(name: string, fact: string): Error {
  return archiveUnsafe(`'${showName(name)}' ${fact}`, "Pack the files again with zip.");
}
