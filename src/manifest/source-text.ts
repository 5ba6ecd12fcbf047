import { isUtf8 } from "node:buffer";

import type { Findings } from "./findings.ts";
import { MANIFEST_LIMITS } from "./limits.ts";

const SAVE_AS_UTF8 = "Save the file as plain text in UTF-8.";

/** What YAML forbids in its text; the lexer also uses some of them as marks of its own. */
// oxlint-disable-next-line no-control-regex -- finding control characters is the purpose
const CONTROL_CHARACTER = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/**
 * The text of a manifest file: UTF-8 with or without a byte order mark, or UTF-16 with one (what PowerShell's `>`
 * writes). When it cannot be text, says so in `findings` and gives as much as is needed to show the place.
 */
export function readSourceText(source: Uint8Array | string, findings: Findings): string {
  const sizeBytes = typeof source === "string" ? Buffer.byteLength(source) : source.length;
  if (sizeBytes > MANIFEST_LIMITS.sizeBytes) {
    findings.problem(
      "manifest_too_large",
      null,
      `The manifest is larger than ${MANIFEST_LIMITS.sizeBytes} bytes.`,
      "Give the manifest here; the model definition is the ZIP, and training data belongs in a bucket.",
    );
    return "";
  }
  const decoded = typeof source === "string" ? source : decode(source, findings);
  // A lone carriage return ends a line in YAML; with line feeds, every later step needs to know one form only.
  const text = decoded.replace(/^\uFEFF/, "").replace(/\r(?!\n)/g, "\n");
  const at = findings.hasProblems ? -1 : text.search(CONTROL_CHARACTER);
  if (at !== -1) {
    const character = text.charCodeAt(at).toString(16).toUpperCase().padStart(4, "0");
    findings.problem(
      "manifest_syntax",
      { offset: at, path: "" },
      `The manifest holds the control character U+${character}, which YAML does not allow.`,
      character === "0000" ? `This looks like a binary file or UTF-16. ${SAVE_AS_UTF8}` : "Remove the character.",
    );
  }
  return text;
}

function decode(bytes: Uint8Array, findings: Findings): string {
  const [first, second, third, fourth] = bytes;
  if (first === 0xff && second === 0xfe && third === 0 && fourth === 0) return refuseEncoding("UTF-32", findings);
  if (first === 0xff && second === 0xfe) return decodeUtf16("utf-16le", bytes, findings);
  if (first === 0xfe && second === 0xff) return decodeUtf16("utf-16be", bytes, findings);
  const text = new TextDecoder("utf-8").decode(bytes);
  // With NUL bytes it is no 8-bit text at all; the first NUL tells more than the first byte that is not UTF-8.
  if (!isUtf8(bytes) && !bytes.includes(0)) {
    // Each wrong byte became U+FFFD, so encoding again differs first where the file is wrong.
    const again = Buffer.from(text);
    let wrong = bytes.findIndex((byte, i) => byte !== again[i]);
    if (wrong === -1) wrong = bytes.length;
    findings.problem(
      "manifest_syntax",
      { offset: new TextDecoder("utf-8").decode(bytes.subarray(0, wrong)).length, path: "" },
      "The manifest is not UTF-8 text from this place on.",
      SAVE_AS_UTF8,
    );
  }
  return text;
}

function decodeUtf16(encoding: "utf-16le" | "utf-16be", bytes: Uint8Array, findings: Findings): string {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    // The only way this fails: an odd number of bytes, or half of a surrogate pair.
    return refuseEncoding("damaged UTF-16", findings);
  }
}

function refuseEncoding(name: string, findings: Findings): string {
  findings.problem("manifest_syntax", { offset: 0, path: "" }, `The manifest is ${name}.`, SAVE_AS_UTF8);
  return "";
}
