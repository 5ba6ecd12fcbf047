import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isEventFile } from "../tensorboard/event-collector.ts";

/** A file of TensorBoard's, and the group that its folder stands for. */
export interface EventFile {
  readonly path: string;
  /** The folders between the root and the file: `train`, `run1/test`; empty for a file at the root. */
  readonly group: string;
  readonly name: string;
}

const MAX_DEPTH = 6;
/** Names that are looked at; a folder of a million images must not be walked every few seconds. */
const MAX_NAMES = 5000;
const MAX_FILES = 200;

/** Names that say nothing about the group, since writers choose them by themselves. */
const PLAIN_FOLDERS = new Set(["logs", "log", "tb", "tensorboard", "runs", "summaries", "events"]);

/** The event files below the roots. Links are not followed: the program makes them and may lead anywhere. */
export async function findEventFiles(roots: readonly string[]): Promise<readonly EventFile[]> {
  const files: EventFile[] = [];
  const budget = { names: MAX_NAMES };
  for (const root of roots) await walk(root, [], budget, files);
  const seen = new Set<string>();
  // Roots may lie within each other.
  return files.filter(({ path }) => !seen.has(path) && seen.add(path)).slice(0, MAX_FILES);
}

async function walk(
  folder: string,
  names: readonly string[],
  budget: { names: number },
  files: EventFile[],
): Promise<void> {
  // A folder that is not there, or that the program has closed, holds nothing for us.
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries.toSorted((a, b) => a.name.localeCompare(b.name))) {
    if ((budget.names -= 1) < 0) return;
    const path = join(folder, entry.name);
    if (entry.isFile() && isEventFile(entry.name)) files.push({ path, group: groupOf(names), name: entry.name });
    else if (entry.isDirectory() && names.length < MAX_DEPTH) await walk(path, [...names, entry.name], budget, files);
  }
}

function groupOf(names: readonly string[]): string {
  return names.filter((name) => !PLAIN_FOLDERS.has(name.toLowerCase())).join("/");
}
