import { expect, test } from "vitest";
import { pendingRun } from "../../../test/fixtures/pending-run.ts";
import { resultFolders } from "./result-layout.ts";
import { runDirectory } from "../run/run-directory.ts";

const ID = "training-DOl4q2LkR";

/** Under which key a file of the run directory is stored, and which names had to step aside. */
function place(folder: string, path: string) {
  const aside: string[] = [];
  const directory = runDirectory("/home", ID);
  const run = { ...pendingRun(), id: ID };
  const found = resultFolders(directory, run, (name) => aside.push(name)).find((each) => each.path.endsWith(folder));
  const key = found?.keyOf(path) ?? null;
  return { key: key === null ? null : `${found?.prefix}${key}`, aside };
}

test.each([
  ["/results", "model/weights", `${ID}/model/weights`],
  ["/results", "learner-1", `${ID}/_result_dir/learner-1`],
  ["/results", "learner-one/log", `${ID}/learner-one/log`],
  ["/results", "training-log.txt", `${ID}/_result_dir/training-log.txt`],
  ["/results", "sub/training-log.txt", `${ID}/sub/training-log.txt`],
  ["/results", "attempts/1/learner-1/training-log.txt", `${ID}/_result_dir/attempts/1/learner-1/training-log.txt`],
  ["/results", "attempts/best", `${ID}/attempts/best`],
  ["/checkpoints", "step-9", `${ID}/_wml_checkpoints/step-9`],
  ["/attempts", "1/learner-2/training-log.txt", `${ID}/attempts/1/learner-2/training-log.txt`],
  ["/attempts", "1/learner-2/attempt-1.pid", null],
  ["/attempts", "1/learner-2/.log-copy-complete", null],
  ["/learner-1", "training-log.txt", `${ID}/learner-1/training-log.txt`],
  ["/learner-1", "attempt-1.pid", null],
  ["/learner-1", ".log-copy-complete", null],
])("of %s the file %s is stored as %s", (folder, path, key) => {
  const placed = place(folder, path);
  expect(placed.key).toBe(key);
  expect(placed.aside).toHaveLength(key?.includes("_result_dir") === true ? 1 : 0);
});
