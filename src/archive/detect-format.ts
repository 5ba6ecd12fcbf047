/** How many bytes from the start of a file `detectFormat` wants to see. */
export const FORMAT_HEAD_BYTES = 512;

export type FileFormat = "zip" | "gzip" | "tar" | "bzip2" | "xz" | "zstd" | "7z" | "rar" | "text" | "empty" | "unknown";

const SIGNATURES: readonly (readonly [FileFormat, readonly number[]])[] = [
  ["zip", [0x50, 0x4b, 0x03, 0x04]],
  ["zip", [0x50, 0x4b, 0x05, 0x06]],
  ["zip", [0x50, 0x4b, 0x07, 0x08]],
  ["gzip", [0x1f, 0x8b]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["7z", [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]],
  ["rar", [0x52, 0x61, 0x72, 0x21, 0x1a, 0x07]],
];

const TAR_HEADER_BYTES = 512;
const TAR_CHECKSUM = { start: 148, end: 156 } as const;

/** What a file is, judged by its first `FORMAT_HEAD_BYTES` bytes. */
export function detectFormat(head: Uint8Array): FileFormat {
  if (head.length === 0) return "empty";
  for (const [format, signature] of SIGNATURES) {
    if (signature.every((byte, index) => head[index] === byte)) return format;
  }
  if (isTar(head)) return "tar";
  return isText(head) ? "text" : "unknown";
}

/** Why a file of each format is no model definition; begins in lower case, ends without a full stop. */
const REFUSALS: Readonly<Record<FileFormat, string>> = {
  zip: "it begins like a ZIP and its end is missing: the file is cut off",
  gzip: "it is a gzip file (.gz, .tar.gz, .tgz), and only .zip is accepted",
  tar: "it is a tar archive, and only .zip is accepted",
  bzip2: "it is packed with bzip2, and only .zip is accepted",
  xz: "it is packed with xz, and only .zip is accepted",
  zstd: "it is packed with zstd, and only .zip is accepted",
  "7z": "it is a 7-Zip archive (.7z), and only .zip is accepted",
  rar: "it is a RAR archive, and only .zip is accepted",
  text: "it is plain text, and only .zip is accepted",
  empty: "the file is empty",
  unknown: "it is not a ZIP, and only .zip is accepted",
};

export function sayNotZip(format: FileFormat): string {
  return REFUSALS[format];
}

/** By the checksum of the header, which tar has had from its first version on; the word "ustar" came later. */
function isTar(head: Uint8Array): boolean {
  if (head.length < TAR_HEADER_BYTES) return false;
  const field = Buffer.from(head.subarray(TAR_CHECKSUM.start, TAR_CHECKSUM.end)).toString("latin1");
  const written = /^ *([0-7]+)[ \0]*$/.exec(field)?.[1];
  if (written === undefined) return false;
  let sum = 0;
  for (let index = 0; index < TAR_HEADER_BYTES; index += 1) {
    // The sum is taken with its own field read as blanks.
    const isOwnField = index >= TAR_CHECKSUM.start && index < TAR_CHECKSUM.end;
    sum += isOwnField ? 0x20 : (head[index] ?? 0);
  }
  return sum === Number.parseInt(written, 8);
}

function isText(head: Uint8Array): boolean {
  return head.every((byte) => byte >= 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d || byte === 0x0c);
}
