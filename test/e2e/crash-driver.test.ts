import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PLANTED_BUGS } from "../crash/planted-bugs.ts";
import { ROOT } from "./service.ts";

test.each(Object.entries(PLANTED_BUGS))("the crash driver notices the bug '%s'", (name, { story, invariant }) => {
  const args = [join(ROOT, "test", "crash", "main.ts"), "--plant", name, "--story", story];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 150_000 });
  expect(stdout).toContain(`VIOLATION in story '${story}'`);
  expect(stdout).toContain(`invariant ${invariant}: `);
  expect(status).toBe(1);
});

test("the crash driver finds nothing in the same place without a bug", () => {
  const args = [join(ROOT, "test", "crash", "main.ts"), "--story", "train", "--at", "6,4"];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 150_000 });
  expect(stdout).toContain("2 crash points, 0 violations");
  expect(status).toBe(0);
});
