import { existsSync } from "node:fs";
import { join } from "node:path";
import { mkdir, rename } from "../../base/world-files.ts";
import type { Run } from "../../domain/run.ts";
import { learnerDirectory, learnersOf, type RunDirectory } from "./run-directory.ts";

/** In the run directory and in the run's folder of the results bucket: the logs of past attempts, a folder for each. */
export const ATTEMPTS_FOLDER = "attempts";

/** The folders of an attempt's learners, once another attempt has begun. */
function pastFolder(directory: RunDirectory, attempt: number): string {
  return join(directory.root, ATTEMPTS_FOLDER, String(attempt));
}

/**
 * Moves the learners' folders of the attempt before the run's present one out of its way, all or none as others see it:
 * they are gathered beside, and the one renaming at the end says that it is done. From then on the folders under the
 * usual names are this attempt's own and are left alone. May be repeated.
 */
export async function setAsideLogs(directory: RunDirectory, run: Run): Promise<void> {
  const past = run.attempt - 1;
  const folder = pastFolder(directory, past);
  if (past < 1 || existsSync(folder)) return;
  const gathering = join(directory.root, ATTEMPTS_FOLDER, `.${past}`);
  await mkdir(gathering, { recursive: true });
  for (const learner of learnersOf(run)) {
    const from = learnerDirectory(directory, learner);
    // Absent when it was moved before a crash, or when that attempt ended before it had any.
    if (existsSync(from)) await rename(from, join(gathering, `learner-${learner}`));
  }
  await rename(gathering, folder);
}

/** Where a learner's logs of an attempt are, from the first attempt to the run's present one; there may be none yet. */
export function learnerFolderOf(directory: RunDirectory, run: Run, attempt: number, learner: number): string {
  const aside = join(pastFolder(directory, attempt), `learner-${learner}`);
  if (attempt === run.attempt) {
    // Until it begins, the usual folders hold what the attempt before left.
    const hasBegun = attempt === 1 || existsSync(pastFolder(directory, attempt - 1));
    return hasBegun ? learnerDirectory(directory, learner) : aside;
  }
  return existsSync(pastFolder(directory, attempt)) ? aside : learnerDirectory(directory, learner);
}
