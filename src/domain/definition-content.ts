/**
 * Up to this size a model definition is kept in the database, in the same commit as its run: one sync of the disk for
 * both, and nothing to clean up after a crash between the two. Larger ones would make every backup of it slow.
 */
export const SMALL_DEFINITION_BYTES = 65_536;

/** The bytes of a model definition ZIP: a small one at hand, a larger one in a file. */
export type DefinitionContent =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "file"; readonly path: string; readonly sizeBytes: number };

export function definitionSize(content: DefinitionContent): number {
  return content.kind === "bytes" ? content.bytes.byteLength : content.sizeBytes;
}
