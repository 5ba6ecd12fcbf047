import { requestInvalid } from "../domain/errors.ts";

const PLACE_TEXT = /^metric:([^:]{1,30}):([1-9][0-9]{0,15})$/;
const CURSOR_TEXT = /^run:([1-9][0-9]{0,15})$/;

/** A place in the list of runs, for the next page to begin behind. Opaque to callers, the same for every database. */
export function cursorOfKey(key: number): string {
  return Buffer.from(`run:${key}`).toString("base64url");
}

export function keyOfCursor(cursor: string): number {
  const text = CURSOR_TEXT.exec(Buffer.from(cursor, "base64url").toString("latin1"));
  const key = Number(text?.[1]);
  // Decoding base64url skips what it does not know, so only a cursor that comes out the same was made here.
  if (!Number.isSafeInteger(key) || cursorOfKey(key) !== cursor) {
    throw notGivenHere(cursor);
  }
  return key;
}

/** The same for a list in the order of a metric: the value that the page ended with, and the run that had it. */
export function cursorOfPlace(value: number, key: number): string {
  return Buffer.from(`metric:${value}:${key}`).toString("base64url");
}

export function placeOfCursor(cursor: string): { readonly value: number; readonly key: number } {
  const text = PLACE_TEXT.exec(Buffer.from(cursor, "base64url").toString("latin1"));
  const [value, key] = [Number(text?.[1]), Number(text?.[2])];
  if (Number.isNaN(value) || !Number.isSafeInteger(key) || cursorOfPlace(value, key) !== cursor) {
    throw notGivenHere(cursor);
  }
  return { value, key };
}

function notGivenHere(cursor: string): Error {
  return requestInvalid(
    `The cursor '${cursor.slice(0, 60)}' was not given by this server for this order.`,
    "Send nextCursor of the page before as it is, or leave the cursor out to begin with the first page.",
  );
}
