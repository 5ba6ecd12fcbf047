import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ZipFile } from "yazl";
import { open, rm } from "../base/world-files.ts";
import { archiveUnreadable, archiveUnsafe } from "../domain/archive-errors.ts";
import { checkName, isMacLitter, showName } from "./entry-name.ts";

/** The first moment a ZIP can name. Always the same, so that the same files give the same bytes. */
const MODIFIED_AT = new Date(1980, 0, 1);
const PLAIN_MODE = 0o100644;
const EXECUTABLE_MODE = 0o100755;
const FOLDER_MODE = 0o040755;
const OWNER_MAY_EXECUTE = 0o100;

/** What tools keep beside a program for themselves: never part of it, often large, and full of links. */
const TOOL_FOLDERS: ReadonlySet<string> = new Set([
  ".git",
  ".hg",
  ".svn",
  ".venv",
  "__pycache__",
  ".ipynb_checkpoints",
  ".pytest_cache",
  ".mypy_cache",
  "node_modules",
]);

interface PackedPath {
  /** Where it is on disk. */
  readonly source: string;
  /** Its name in the ZIP. */
  readonly name: string;
  /** Undefined for a folder with nothing in it. */
  readonly fileMode: number | undefined;
}

/**
 * Packs everything in `directory` into a new ZIP: names in order, one fixed time, only the execute bit of each
 * mode, so that packing the same files again gives the same ZIP to the byte. Links, special files and names that
 * could not be unpacked again are refused; folders that tools keep for themselves (`.git`, `.venv`, `__pycache__`,
 * `node_modules`, ...) are left out. Fails where `outputPath` exists, and leaves nothing there when it fails;
 * a ZIP inside `directory` does not pack itself.
 */
export async function packDirectory(directory: string, outputPath: string): Promise<void> {
  // Listed before the output exists, so that it is not among the paths.
  const paths = await listFolder(directory, "");
  if (!paths.some((path) => path.fileMode !== undefined)) {
    throw archiveUnreadable(`there are no files in '${showName(directory)}'`, "Name the folder with the program.");
  }
  const output = await open(outputPath, "wx");
  try {
    await pipeline(zipOf(paths), output.createWriteStream());
  } catch (error) {
    await rm(outputPath, { force: true });
    throw error;
  }
}

function zipOf(paths: readonly PackedPath[]): Readable {
  const zip = new ZipFile();
  const bytes = zip.outputStream as Readable;
  // yazl tells of a file that vanished by an event of its own and would leave the stream open for ever.
  zip.on("error", (error: Error) => bytes.destroy(error));
  for (const { source, name, fileMode } of paths) {
    const options = { mtime: MODIFIED_AT, forceDosTimestamp: true };
    if (fileMode === undefined) zip.addEmptyDirectory(name, { ...options, mode: FOLDER_MODE });
    else zip.addFile(source, name, { ...options, mode: fileMode });
  }
  zip.end();
  return bytes;
}

async function listFolder(folder: string, prefix: string): Promise<readonly PackedPath[]> {
  const names = (await readdir(folder)).sort();
  const paths: PackedPath[] = [];
  for (const fileName of names) {
    const source = join(folder, fileName);
    const name = prefix + fileName;
    const segments = name.split("/");
    if (isMacLitter(segments) || TOOL_FOLDERS.has(fileName)) continue;
    checkName(name, segments, "/");
    const status = await lstat(source);
    if (status.isDirectory()) {
      const inside = await listFolder(source, `${name}/`);
      if (inside.length > 0) paths.push(...inside);
      else paths.push({ source, name, fileMode: undefined });
    } else {
      if (!status.isFile()) throw notPlain(name, status.isSymbolicLink());
      const fileMode = (status.mode & OWNER_MAY_EXECUTE) === 0 ? PLAIN_MODE : EXECUTABLE_MODE;
      paths.push({ source, name, fileMode });
    }
  }
  return paths;
}

function notPlain(name: string, isLink: boolean): Error {
  return archiveUnsafe(
    `'${showName(name)}' is ${isLink ? "a symbolic link" : "a special file"}`,
    "A model definition holds plain files and folders only; put the file itself there.",
  );
}
