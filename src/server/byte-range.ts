import { requestInvalid } from "../domain/errors.ts";

/** What a `Range` header asks for. `end` is not included; null means up to the end. */
export type ByteRange =
  | { readonly kind: "from"; readonly start: number; readonly end: number | null }
  | { readonly kind: "last"; readonly length: number };

/** Reads `bytes=A-B`, `bytes=A-` and `bytes=-N`. Several ranges in one request are not taken. */
export function readByteRange(header: string): ByteRange {
  const match = /^\s*bytes\s*=\s*(\d{0,15})\s*-\s*(\d{0,15})\s*$/i.exec(header);
  const [, first = "", last = ""] = match ?? [];
  if (first === "" && last !== "") return { kind: "last", length: Number(last) };
  const range = { kind: "from", start: Number(first), end: last === "" ? null : Number(last) + 1 } as const;
  if (first === "" || (range.end !== null && range.end <= range.start)) {
    throw requestInvalid(
      `The header 'range' with the value '${header}' is not a range of bytes.`,
      "Write one range: 'bytes=A-B', 'bytes=A-', or 'bytes=-N' for the last N bytes.",
    );
  }
  return range;
}
