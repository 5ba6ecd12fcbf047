import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { systemClock } from "../../base/clock.ts";
import { sampleRun } from "../conformance/sample-runs.ts";
import { openSqliteStore } from "./open.ts";

/** Inserts runs, eight at a time and for ever, and prints each id once the store has promised it. */
const WRITER = `
  import { writeSync } from "node:fs";
  import { openSqliteStore } from ${JSON.stringify(import.meta.resolve("./open.ts"))};
  import { systemClock } from ${JSON.stringify(import.meta.resolve("../../base/clock.ts"))};
  import { newRunId } from ${JSON.stringify(import.meta.resolve("../../domain/run-id.ts"))};
  const [path, template] = process.argv.slice(1);
  const store = await openSqliteStore({ path, clock: systemClock });
  const now = new Date();
  await Promise.all(Array.from({ length: 8 }, async () => {
    for (;;) {
      const run = { ...JSON.parse(template), id: newRunId(), submittedAt: now, changedAt: now };
      await store.insertRun({ run, sealedCredentials: "v1.sealed", idempotencyKey: run.id });
      writeSync(1, run.id + "\\n");
    }
  }));
`;

const TEMPLATE = JSON.stringify(sampleRun());

/** The ids that were promised before the writer was killed, at the moment of the n-th. */
async function writeUntilKilled(path: string, promises: number): Promise<readonly string[]> {
  const writer = spawn(process.execPath, ["--input-type=module", "-e", WRITER, path, TEMPLATE], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const promised: string[] = [];
  for await (const id of createInterface(writer.stdout)) {
    promised.push(id);
    if (promised.length === promises) writer.kill("SIGKILL");
  }
  if (writer.signalCode === null) await once(writer, "exit");
  return promised;
}

test("every run that was promised before a kill -9 is there, whole, and nothing is broken", async () => {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-durable-"));
  try {
    const path = join(folder, "trainyard.db");
    const promised: string[] = [];
    for (let round = 0; round < 4; round += 1) {
      const killAt = 1 + Math.floor(Math.random() * 400);
      promised.push(...(await writeUntilKilled(path, killAt)));
    }
    const store = await openSqliteStore({ path, clock: systemClock });
    for (const id of promised) {
      expect(await store.findRun(id), `the run ${promised.indexOf(id) + 1} of ${promised.length}`).toMatchObject({
        id,
      });
      expect(await store.findSealedCredentials(id)).toBe("v1.sealed");
      expect(await store.listEvents(id, 0, 10)).toHaveLength(1);
    }
    // What was not promised is there whole or not at all.
    const unended = await store.listUnendedRuns();
    expect((await store.countRuns()).pending).toBe(unended.length);
    await store.close();
    const database = new DatabaseSync(path);
    expect(database.prepare("pragma integrity_check").all()).toMatchObject([{ integrity_check: "ok" }]);
    expect(database.prepare("pragma foreign_key_check").all()).toEqual([]);
    database.close();
  } finally {
    await rm(folder, { recursive: true });
  }
});
