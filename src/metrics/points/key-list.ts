import { readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { appendFile, truncate } from "../../base/world-files.ts";

/** A run with more keys than this prints them by mistake, a path or a hash for each; the rest is left out with a warning. */
export const MAX_KEYS = 1000;

function pathOf(folder: string): string {
  return join(folder, "keys.jsonl");
}

/** Keys of the runs that were asked for lately. The file only grows, so its size says whether it is still the same. */
export class KeyLists {
  readonly #most: number;
  readonly #lists = new Map<string, { readonly keys: readonly string[]; readonly bytes: number }>();

  constructor(most = 10_000) {
    this.#most = most;
  }

  keysIn(folder: string): readonly string[] {
    const bytes = statSync(pathOf(folder), { throwIfNoEntry: false })?.size ?? 0;
    const known = this.#lists.get(folder);
    if (known?.bytes === bytes) return known.keys;
    const { keys } = parse(bytes === 0 ? Buffer.alloc(0) : readFileSync(pathOf(folder)));
    this.#lists.delete(folder);
    this.#lists.set(folder, { keys, bytes });
    if (this.#lists.size > this.#most) this.#lists.delete(this.#lists.keys().next().value as string);
    return keys;
  }
}

/** The keys for the writer: a torn last line is cut off, so that the next one does not continue it. */
export async function recoverKeys(folder: string): Promise<readonly string[]> {
  const { keys, soundBytes, bytes } = await read(folder);
  if (soundBytes < bytes) await truncate(pathOf(folder), soundBytes);
  return keys;
}

export async function appendKeys(folder: string, keys: readonly string[]): Promise<void> {
  await appendFile(pathOf(folder), keys.map((key) => `${JSON.stringify(key)}\n`).join(""));
}

async function read(folder: string): Promise<{ keys: readonly string[]; soundBytes: number; bytes: number }> {
  const content = await readFile(pathOf(folder)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return Buffer.alloc(0);
    throw error;
  });
  return { ...parse(content), bytes: content.length };
}

/** One JSON string for each line, in the order of their series. A torn last line is no key yet. */
function parse(content: Buffer): { keys: readonly string[]; soundBytes: number } {
  const soundBytes = content.lastIndexOf(0x0a) + 1;
  const lines = content.subarray(0, soundBytes).toString("utf8").split("\n").slice(0, -1);
  return { keys: lines.map((line) => JSON.parse(line) as string), soundBytes };
}
