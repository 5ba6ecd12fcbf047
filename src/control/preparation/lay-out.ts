import { join } from "node:path";
import { mkdir } from "../../base/world-files.ts";
import type { Run } from "../../domain/run.ts";
import { removeTree } from "../run/remove-tree.ts";
import { learnerDirectory, learnersOf, type RunDirectory } from "../run/run-directory.ts";

/** Makes the folders of an attempt, empty. Those for checkpoints and logs keep what an attempt before left in them. */
export async function layOut(directory: RunDirectory, run: Run): Promise<void> {
  const { code, data, results, checkpoints, state, userHome, temporary } = directory;
  const isNew = (await mkdir(directory.root, { recursive: true, mode: 0o700 })) !== undefined;
  // RESULT_DIR must be there and empty: programs of 2017 refuse to save into a folder that exists.
  const emptied = [code, data, results, state, userHome, temporary];
  if (!isNew) for (const folder of emptied) await removeTree(folder);
  const learners = learnersOf(run).map((learner) => learnerDirectory(directory, learner));
  const folders = [...emptied, checkpoints, ...learners, ...stateFolders(directory)];
  // At once: each is a way to another thread and back, which the start of the program waits for.
  await Promise.all(folders.map(async (folder) => mkdir(folder, { recursive: true })));
}

/** Where programs of 2017 write their summaries, the outer one first. */
export function stateFolders({ state }: RunDirectory): readonly string[] {
  return [join(state, "logs"), join(state, "logs", "tb")];
}
