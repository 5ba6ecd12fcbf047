import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { MANIFEST_LIMITS } from "../manifest/limits.ts";
import { CliError, fileNotFound, fileNotReadable, notAManifest } from "./cli-error.ts";
import type { CliIo } from "./io.ts";
import { factOf, isMissing } from "./files.ts";

/** The two things of a submission, as a person named them, told apart. */
export interface SubmissionFiles {
  /** A ZIP, or a folder to be packed. */
  readonly definition: { readonly kind: "archive" | "folder"; readonly path: string; readonly shown: string };
  readonly manifest: { readonly path: string; readonly shown: string };
}

type FileKind = "archive" | "folder" | "text";

/** Tells model definition and manifest apart by what they are; where that says nothing, the definition comes first. */
export async function tellApart(first: string, second: string, io: CliIo): Promise<SubmissionFiles> {
  const [a, b] = await Promise.all([look(first, "the model definition", io), look(second, "the manifest", io)]);
  const [definition, manifest] = likenessToDefinition(a) < likenessToDefinition(b) ? [b, a] : [a, b];
  if (manifest.kind === "folder") throw notAManifest(manifest.shown);
  // A text that stands where the ZIP should is read as one, which says what is wrong with it.
  const kind = definition.kind === "folder" ? "folder" : "archive";
  return { definition: { ...definition, kind }, manifest };
}

function likenessToDefinition({ kind, shown }: LookedAt): number {
  if (kind !== "text") return 2;
  return /\.(ya?ml|json)$/i.test(shown) ? 0 : 1;
}

export interface LookedAt {
  readonly kind: FileKind;
  readonly path: string;
  /** As it was typed. */
  readonly shown: string;
}

/** What a path leads to. Anything that begins like packed data counts as an archive, and is refused later by name. */
export async function look(shown: string, what: string, io: CliIo): Promise<LookedAt> {
  if (shown === "") throw fileNotFound(shown, what);
  const path = resolve(io.cwd, shown);
  try {
    const status = await stat(path);
    if (status.isDirectory()) return { kind: "folder", path, shown };
    // Opening a pipe would wait for its writer for ever.
    if (!status.isFile()) throw fileNotReadable(shown, "it is not a plain file");
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(512), position: 0 });
    return { kind: isPacked(buffer.subarray(0, bytesRead), shown) ? "archive" : "text", path, shown };
  } catch (error) {
    if (error instanceof CliError) throw error;
    if (isMissing(error)) throw fileNotFound(shown, what);
    throw fileNotReadable(shown, factOf(error));
  }
}

/**
 * Packed formats have bytes that no manifest has, but for UTF-16, which tells itself by its first two; an empty file
 * is what its name says.
 */
function isPacked(head: Buffer, name: string): boolean {
  if (head.length === 0) return /\.(zip|tar|tgz|gz)$/i.test(name);
  if (["fffe", "feff"].includes(head.toString("hex", 0, 2))) return false;
  return head.subarray(0, 2).toString("latin1") === "PK" || head.includes(0) || head[0] === 0x1f;
}

/** The manifest's bytes; of a file that is too large only as many as it takes to say so. */
export async function readManifestFile(manifest: {
  readonly path: string;
  readonly shown: string;
}): Promise<Buffer<ArrayBuffer>> {
  try {
    await using file = await open(manifest.path);
    const buffer = Buffer.alloc(Math.min((await file.stat()).size, MANIFEST_LIMITS.sizeBytes) + 1);
    const { bytesRead } = await file.read({ buffer, position: 0 });
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw fileNotReadable(manifest.shown, factOf(error));
  }
}

/** The ZIP: the file itself, or a folder packed into a temporary file that goes with the returned object. */
export async function openDefinition(files: SubmissionFiles): Promise<PackedDefinition> {
  const { kind, path } = files.definition;
  if (kind === "archive") return { path, [Symbol.asyncDispose]: async () => {} };
  const { packDirectory } = await import("../archive/pack-archive.ts");
  const folder = await mkdtemp(join(tmpdir(), "trainyard-submit-"));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const packed = join(folder, "model.zip");
    await packDirectory(path, packed);
    return { path: packed, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

export interface PackedDefinition extends AsyncDisposable {
  readonly path: string;
}
