import { crc32 } from "node:zlib";
import type { Entry } from "yauzl";
import { getFileNameLowLevel } from "yauzl";
import { archiveUnreadable, archiveUnsafe } from "../domain/archive-errors.ts";
import { MAX_DEPTH, MAX_PATH_BYTES, MAX_SEGMENT_BYTES } from "./archive-limits.ts";

const NAME_IS_UTF8 = 0x800;
const UNICODE_PATH_FIELD = 0x7075;
const SHOWN_CHARACTERS = 80;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What Finder and its relatives add to a folder and nobody's program reads. */
const MAC_LITTER = new Set([".DS_Store", "Icon\r"]);

/** A name for a message: without control characters that would move the cursor, and not longer than a line. */
export function showName(name: string): string {
  const characters = Array.from(name);
  const isLong = characters.length > SHOWN_CHARACTERS;
  const half = SHOWN_CHARACTERS / 2;
  const kept = isLong ? [...characters.slice(0, half), "…", ...characters.slice(-half)] : characters;
  return kept.map((character) => (/[\p{C}\p{Zl}\p{Zp}]/u.test(character) ? escape(character) : character)).join("");
}

function escape(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
}

/**
 * The name as its packer meant it. Info-ZIP puts UTF-8 into an extra field, most others set a flag, Finder writes
 * UTF-8 and says nothing, and what is none of these is the code page of the first PC.
 */
export function decodeName(entry: Entry): string {
  const unicodePath = entry.extraFields.find((field) => field.id === UNICODE_PATH_FIELD)?.data;
  // Version 1, then a checksum of the plain name: a field left behind by a tool that renamed the entry does not count.
  if (
    unicodePath !== undefined &&
    unicodePath.length > 5 &&
    unicodePath[0] === 1 &&
    unicodePath.readUInt32LE(1) === crc32(entry.fileNameRaw)
  ) {
    return decodeUtf8(unicodePath.subarray(5)) ?? refuseEncoding(entry);
  }
  const utf8 = decodeUtf8(entry.fileNameRaw);
  if (utf8 !== undefined) return utf8;
  if ((entry.generalPurposeBitFlag & NAME_IS_UTF8) !== 0) return refuseEncoding(entry);
  return getFileNameLowLevel(0, entry.fileNameRaw, [], true);
}

function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return UTF8.decode(bytes);
  } catch {
    // `fatal` throws a TypeError for bytes that are not UTF-8, and only for those.
    return undefined;
  }
}

function refuseEncoding(entry: Entry): never {
  throw archiveUnreadable(`the name '${showName(entry.fileNameRaw.toString("latin1"))}' says it is UTF-8 and is not`);
}

/** The name's parts as packed, checked for nothing: to be compared, never to be opened. */
export function splitName(name: string, separator: "/" | "\\"): readonly string[] {
  return name.split(separator).filter((segment) => segment !== "" && segment !== ".");
}

export function isMacLitter(segments: readonly string[]): boolean {
  const last = segments.at(-1) ?? "";
  return segments.includes("__MACOSX") || MAC_LITTER.has(last) || last.startsWith("._");
}

/** Throws unless `name`, whose parts are `segments`, stays inside any folder it is unpacked into. */
export function checkName(name: string, segments: readonly string[], separator: "/" | "\\"): void {
  const fact = nameFault(name, segments, separator);
  if (fact === undefined) return;
  throw archiveUnsafe(
    `the name '${showName(name)}' ${fact}`,
    "Pack from inside the folder with the code, so that every name begins there: cd FOLDER && zip -r ../model.zip .",
  );
}

function nameFault(name: string, segments: readonly string[], separator: "/" | "\\"): string | undefined {
  if (name === "") return "is empty";
  if (/^[/\\]/.test(name)) return "is absolute";
  if (/^[a-zA-Z]:/.test(name)) return "begins with a drive letter";
  if (separator === "/" && name.includes("\\")) return "holds a backslash";
  if (/\p{Cc}/u.test(name)) return "holds a control character";
  // "./" before a name is harmless; a file called "." would have no name of its own.
  if (name.split(separator).at(-1) === ".") return "names no file";
  if (segments.includes("..")) return "leads out of its folder";
  if (segments.some((segment) => Buffer.byteLength(segment) > MAX_SEGMENT_BYTES)) {
    return `has a part of more than ${MAX_SEGMENT_BYTES} bytes`;
  }
  if (Buffer.byteLength(name) > MAX_PATH_BYTES) return `has more than ${MAX_PATH_BYTES} bytes`;
  if (segments.length > MAX_DEPTH) return `is nested deeper than ${MAX_DEPTH} folders`;
  return undefined;
}
