/**
 * The GUID that the client of 2018 shows for the code of a run. Here code is known by the SHA-256 of its ZIP, so the
 * GUID is the beginning of that: the same code has the same one. Version 8 is the UUID that says how it was made to
 * nobody but its maker (RFC 9562, 5.8).
 */
export function definitionId(sha256: string): string {
  const variant = ((Number.parseInt(sha256.charAt(16), 16) & 0b0011) | 0b1000).toString(16);
  const parts = [sha256.slice(0, 8), sha256.slice(8, 12), `8${sha256.slice(13, 16)}`, variant + sha256.slice(17, 20)];
  return [...parts, sha256.slice(20, 32)].join("-");
}
