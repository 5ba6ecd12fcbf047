import { readFile } from "node:fs/promises";
import { fileNotReadable } from "./cli-error.ts";

/** A file's text, or undefined when there is no such file. */
export async function readTextIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fileNotReadable(path, factOf(error));
  }
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}

const FACTS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  EISDIR: "it is a folder",
  EMFILE: "too many open files",
  ENAMETOOLONG: "the name is too long",
};

/** What went wrong with a file, in words. */
export function factOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string")
    return FACTS[error.code] ?? error.code;
  return error instanceof Error ? error.message : String(error);
}
