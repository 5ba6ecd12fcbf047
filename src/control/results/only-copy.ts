import { readdir } from "node:fs/promises";
import type { Run } from "../../domain/run.ts";
import { runDirectory } from "../run/run-directory.ts";
import { leftUnread } from "./unstored-results.ts";

/** Whether the run directory has files of the program that no bucket has. */
export async function holdsOnlyCopyOf(home: string, run: Run): Promise<boolean> {
  if (run.results !== null && !leftUnread(run.warnings)) return false;
  const { results, checkpoints } = runDirectory(home, run.id);
  return !(await isEmpty(results)) || !(await isEmpty(checkpoints));
}

/** What is there but cannot be read is no empty folder. */
async function isEmpty(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder)).length === 0;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}
