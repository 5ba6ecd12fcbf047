import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { rename, writeFile } from "../../base/world-files.ts";

/** How far the writer of a run's points is. */
export interface Progress {
  /** For each source (a log, an event file) the bytes whose points are all in the series. */
  readonly offsets: Readonly<Record<string, number>>;
  /** Points in each series, by number. */
  readonly counts: readonly number[];
}

/** Written before the points are: while they are on their way, either both hold or `before` alone. */
export interface Step {
  readonly before: Progress;
  readonly after: Progress;
}

const NO_PROGRESS: Progress = { offsets: {}, counts: [] };

export async function readStep(folder: string): Promise<Step> {
  try {
    return JSON.parse(await readFile(join(folder, "progress.json"), "utf8")) as Step;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { before: NO_PROGRESS, after: NO_PROGRESS };
    throw error;
  }
}

export async function writeStep(folder: string, step: Step): Promise<void> {
  const path = join(folder, "progress.json");
  await writeFile(`${path}.draft`, JSON.stringify(step));
  await rename(`${path}.draft`, path);
}
