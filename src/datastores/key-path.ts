/** The beginning of every name that unfinished copies carry, so that no listing shows them and no key hides there. */
export const PART_PREFIX = ".trainyard-part-";

/** What a file system takes for one name; ext4, XFS, APFS and NTFS agree on it. */
const MAX_NAME_BYTES = 255;

export type KeyPath =
  | { readonly kind: "file"; readonly path: string }
  /** A key that ends in `/`: how consoles mark an empty folder. */
  | { readonly kind: "folder"; readonly path: string }
  /** `reason` continues the sentence "the key ...". */
  | { readonly kind: "refused"; readonly reason: string };

/**
 * The relative path that stands for an object's key in a folder, so that different keys never share a path and the
 * path never leaves the folder: the key itself, or nothing. There is no rewriting (`a//b` is not made `a/b`), for
 * then two objects could meet in one file and a key that came down would go up as another one.
 */
export function keyToPath(key: string): KeyPath {
  const folder = key.endsWith("/");
  const path = folder ? key.slice(0, -1) : key;
  const reason = whyNotPath(path);
  if (reason !== null) return { kind: "refused", reason };
  return { kind: folder ? "folder" : "file", path };
}

function whyNotPath(path: string): string | null {
  if (path === "") return "names nothing";
  if (path.includes("\0")) return "has a NUL character, which no file name can hold";
  if (!path.isWellFormed()) return "is not valid Unicode";
  if (path.startsWith("/")) return "begins with '/' and would lead out of the folder";
  for (const name of path.split("/")) {
    if (name === "") return "has an empty part ('//'), which a path cannot keep";
    if (name === ".") return "has the part '.', which a path cannot keep";
    if (name === "..") return "has the part '..' and could lead out of the folder";
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `has a part of more than ${MAX_NAME_BYTES} bytes`;
    if (name.startsWith(PART_PREFIX)) return `has a part that begins with '${PART_PREFIX}', kept for unfinished copies`;
  }
  return null;
}

/** The order of object stores: by the bytes of the UTF-8 form, which differs from the order of JavaScript strings. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
