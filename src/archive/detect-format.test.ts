import { spawnSync } from "node:child_process";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { rawZip } from "../../test/fixtures/archives/raw-zip.ts";
import { openSandbox } from "../../test/fixtures/archives/sandbox.ts";
import { detectFormat } from "./detect-format.ts";
import { inspectArchive } from "./inspect-archive.ts";

const SCRIPT = "import os\nprint('hello')\n".repeat(40);

/** A tar of one file, as version 7 of Unix wrote it: no word in it says "tar". */
function oldTar(): Buffer {
  const header = Buffer.alloc(512);
  header.write("train.py");
  header.write("0000644\0".padEnd(8), 100);
  header.write("00000000005\0", 124);
  header.write("        ", 148);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, Buffer.from("12345".padEnd(512, "\0")), Buffer.alloc(1024)]);
}

function tar(): Buffer {
  const { stdout } = spawnSync("tar", ["-cf", "-", "-C", import.meta.dirname, "detect-format.ts"]);
  return stdout;
}

describe("a file that is no ZIP is refused by the name of what it is:", () => {
  test.for<[string, Buffer, string]>([
    ["gzip", gzipSync(SCRIPT), "it is a gzip file (.gz, .tar.gz, .tgz), and only .zip is accepted"],
    ["tar", tar(), "it is a tar archive, and only .zip is accepted"],
    ["old tar", oldTar(), "it is a tar archive, and only .zip is accepted"],
    ["bzip2", Buffer.from("BZh91AY&SY\u0001\u0002"), "it is packed with bzip2, and only .zip is accepted"],
    ["xz", Buffer.from("fd377a585a000004e6d6b446", "hex"), "it is packed with xz, and only .zip is accepted"],
    ["zstd", zstdCompressSync(SCRIPT), "it is packed with zstd, and only .zip is accepted"],
    ["7-Zip", Buffer.from("377abcaf271c0004", "hex"), "it is a 7-Zip archive (.7z), and only .zip is accepted"],
    ["RAR", Buffer.from("526172211a070100", "hex"), "it is a RAR archive, and only .zip is accepted"],
    ["plain text", Buffer.from(`ä${SCRIPT}`), "it is plain text, and only .zip is accepted"],
    ["nothing", Buffer.alloc(0), "the file is empty"],
    [
      "something else",
      brotliCompressSync(Buffer.alloc(1000, "\0\u0001")),
      "it is not a ZIP, and only .zip is accepted",
    ],
    ["the beginning of a ZIP", rawZip({ entries: [{ name: "a" }] }).subarray(0, 40), "the file is cut off"],
  ])("%s", async ([, bytes, sentence]) => {
    await using sandbox = await openSandbox();
    await expect(inspectArchive(await sandbox.write(bytes))).rejects.toMatchObject({
      code: "archive_unreadable",
      message: expect.stringContaining(sentence),
    });
  });
});

test("a ZIP is recognised by its first bytes, an empty one too", () => {
  expect(detectFormat(rawZip({ entries: [{ name: "a" }] }))).toBe("zip");
  expect(detectFormat(rawZip({ entries: [] }))).toBe("zip");
});
