import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Run } from "../../domain/run.ts";
import { learnerFolderOf, setAsideLogs } from "./past-logs.ts";
import { learnerDirectory, runDirectory, type RunDirectory } from "./run-directory.ts";

/** Two learners that have written something in attempt 1; the run is at attempt 2. */
async function setUp(): Promise<{ readonly directory: RunDirectory; readonly run: Run }> {
  const home = await mkdtemp(join(tmpdir(), "trainyard-past-logs-"));
  onTestFinished(() => rm(home, { recursive: true }));
  const directory = runDirectory(home, "training-abcdefghi");
  for (const learner of [1, 2]) await write(directory, learner, `attempt 1, learner ${learner}`);
  return { directory, run: atAttempt(2) };
}

function atAttempt(attempt: number): Run {
  return { attempt, spec: { learners: 2 } } as Run;
}

async function write(directory: RunDirectory, learner: number, text: string): Promise<void> {
  const folder = learnerDirectory(directory, learner);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "training-log.txt"), text);
}

async function read(directory: RunDirectory, run: Run, attempt: number, learner: number): Promise<string | null> {
  return readFile(join(learnerFolderOf(directory, run, attempt, learner), "training-log.txt"), "utf8").catch(
    () => null,
  );
}

test("each attempt's logs are found before they are set aside, after that, and once the next attempt writes its own", async () => {
  const { directory, run } = await setUp();
  expect([await read(directory, run, 1, 2), await read(directory, run, 2, 2)]).toEqual(["attempt 1, learner 2", null]);
  await setAsideLogs(directory, run);
  expect([await read(directory, run, 1, 2), await read(directory, run, 2, 2)]).toEqual(["attempt 1, learner 2", null]);
  await write(directory, 2, "attempt 2");
  await setAsideLogs(directory, run);
  expect([await read(directory, run, 1, 2), await read(directory, run, 2, 2)]).toEqual([
    "attempt 1, learner 2",
    "attempt 2",
  ]);
  await setAsideLogs(directory, atAttempt(3));
  const texts = [1, 2, 3].map(async (attempt) => read(directory, atAttempt(3), attempt, 2));
  expect(await Promise.all(texts)).toEqual(["attempt 1, learner 2", "attempt 2", null]);
});

test.each([0, 1, 2])("a crash after %i moves is made good by the next call", async (moves) => {
  const { directory, run } = await setUp();
  const gathering = join(directory.root, "attempts", ".1");
  await mkdir(gathering, { recursive: true });
  for (let learner = 1; learner <= moves; learner += 1) {
    await rename(learnerDirectory(directory, learner), join(gathering, `learner-${learner}`));
  }
  await setAsideLogs(directory, run);
  const texts = [1, 2].map(async (learner) => read(directory, run, 1, learner));
  expect(await Promise.all(texts)).toEqual(["attempt 1, learner 1", "attempt 1, learner 2"]);
});

test("an attempt that ended before it had any logs takes none of the next one's", async () => {
  const { directory, run } = await setUp();
  for (const learner of [1, 2]) await rm(learnerDirectory(directory, learner), { recursive: true });
  await setAsideLogs(directory, run);
  await write(directory, 1, "attempt 2");
  await setAsideLogs(directory, run);
  expect([await read(directory, run, 1, 1), await read(directory, run, 2, 1)]).toEqual([null, "attempt 2"]);
});

test("a first attempt has nothing to set aside", async () => {
  const { directory } = await setUp();
  await setAsideLogs(directory, atAttempt(1));
  expect(await read(directory, atAttempt(1), 1, 1)).toBe("attempt 1, learner 1");
});
