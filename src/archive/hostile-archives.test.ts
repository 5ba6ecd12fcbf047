import { describe, expect, test } from "vitest";
import { HOSTILE_ZIPS } from "../../test/fixtures/archives/hostile-zips.ts";
import { listTree, openSandbox } from "../../test/fixtures/archives/sandbox.ts";
import { ServiceError } from "../domain/errors.ts";
import { extractArchive } from "./extract-archive.ts";
import { inspectArchive } from "./inspect-archive.ts";

async function refusal(attempt: Promise<unknown>): Promise<ServiceError> {
  const error: unknown = await attempt.then(
    () => expect.fail("it was accepted"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof ServiceError)) throw error;
  return error;
}

describe("a model definition is refused with a sentence, and nothing is written outside, for", () => {
  test.for(HOSTILE_ZIPS)("$attack", async ({ bytes, code, says, isFoundByUnpacking }) => {
    await using sandbox = await openSandbox();
    const path = await sandbox.write(bytes());

    const error = await refusal(extractArchive(path, sandbox.target));
    expect(error.message).toContain(says);
    expect(error.code).toBe(code);
    expect(error.hint).not.toBe("");
    expect(error.message).not.toMatch(/\p{Cc}/u);

    const found = await listTree(sandbox.directory);
    expect(found.filter((item) => !item.path.startsWith("target")).map((item) => item.path)).toEqual(["model.zip"]);
    expect(found.filter((item) => item.kind === "other")).toEqual([]);
    if (isFoundByUnpacking === true) return;
    expect(found.map((item) => item.path)).toEqual(["model.zip", "target"]);
    expect((await refusal(inspectArchive(path))).message).toBe(error.message);
  });
});
