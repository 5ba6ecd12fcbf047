import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { closeTrainingLog, closingLines } from "./training-log.ts";

async function logWith(content: string | Uint8Array) {
  const directory = await mkdtemp(join(tmpdir(), "trainyard-log-"));
  const path = join(directory, "training-log.txt");
  await writeFile(path, content);
  return { directory, path, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

describe("closeTrainingLog", () => {
  it("says how a program ended in the words of 2017", async () => {
    await using log = await logWith("Testing Accuracy: 0.93\n");
    await closeTrainingLog(log.directory, 0, new Date());
    expect(await readFile(log.path, "utf8")).toBe("Testing Accuracy: 0.93\nTraining process finished. Exit code: 0\n");
  });

  it("adds the line about the failure when there was one", async () => {
    await using log = await logWith("no newline");
    await closeTrainingLog(log.directory, 137, new Date());
    expect(await readFile(log.path, "utf8")).toBe(
      "no newline\nTraining process finished. Exit code: 137\nJob exited with error code 137\n",
    );
  });

  it("keeps every byte of the program and changes nothing when it is repeated", async () => {
    const contents = fc.uint8Array({ maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(contents, fc.integer({ min: 0, max: 255 }), async (content, exitCode) => {
        await using log = await logWith(content);
        await closeTrainingLog(log.directory, exitCode, new Date());
        const once = await readFile(log.path);
        const newline = content.length > 0 && content.at(-1) !== 0x0a ? "\n" : "";
        expect(once).toEqual(Buffer.concat([content, Buffer.from(newline + closingLines(exitCode))]));
        await closeTrainingLog(log.directory, exitCode, new Date());
        expect(await readFile(log.path)).toEqual(once);
      }),
      { numRuns: 50 },
    );
  });

  it("completes what a crash has cut off, wherever that was", async () => {
    const whole = `last words\n${closingLines(3)}`;
    const longBefore = new Date(0);
    for (let cut = "last words".length; cut < whole.length; cut += 1) {
      await using log = await logWith(whole.slice(0, cut));
      await closeTrainingLog(log.directory, 3, longBefore);
      expect(await readFile(log.path, "utf8")).toBe(whole);
    }
  });

  it("takes the program's own letters for no beginning of these lines", async () => {
    await using log = await logWith("done\nTraining");
    await closeTrainingLog(log.directory, 0, new Date());
    expect(await readFile(log.path, "utf8")).toBe(`done\nTraining\n${closingLines(0)}`);
  });
});
