import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { Definitions } from "../../src/control/removal/definitions.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import { pendingRun } from "../fixtures/pending-run.ts";

const SHA256 = "a".repeat(64);

async function bundle() {
  const home = await mkdtemp(join(tmpdir(), "trainyard-definitions-"));
  await mkdir(join(home, "definitions"));
  const store = await openSqliteStore({ path: join(home, "trainyard.db"), clock: systemClock });
  const definitions = new Definitions(home, store);
  let uploads = 0;
  return {
    definitions,
    isThere: () => existsSync(join(home, "definitions", `${SHA256}.zip`)),
    upload: async () => {
      const path = join(home, `upload-${(uploads += 1)}`);
      await writeFile(path, "zip");
      return { kind: "file", path, sizeBytes: 3 } as const;
    },
    register: async (definition: Uint8Array | null = null) => {
      const run = pendingRun({ id: "training-000000001", definitionSha256: SHA256 });
      await store.insertRun({ run, sealedCredentials: "", idempotencyKey: null, definition });
    },
    [Symbol.asyncDispose]: async () => {
      await store.close();
      await rm(home, { recursive: true });
    },
  };
}

test("a ZIP that nobody refers to is removed, one that a run uses or a submission brings is not", async () => {
  await using parts = await bundle();
  const { definitions, isThere } = parts;
  await definitions.takeOver(await parts.upload(), SHA256, async () => undefined);
  await definitions.removeUnused(SHA256);
  expect(isThere()).toBe(false);
  await definitions.takeOver(await parts.upload(), SHA256, async () => {
    await definitions.removeUnused(SHA256);
    expect(isThere()).toBe(true);
    await parts.register();
  });
  await definitions.removeUnused(SHA256);
  expect(isThere()).toBe(true);
});

test("bytes are kept by the one write that also makes their run, and no file is made", async () => {
  await using parts = await bundle();
  const { definitions } = parts;
  const run = pendingRun({ id: "training-000000001", definitionSha256: SHA256 });
  const bytes = Buffer.from("zip");
  await definitions.takeOver({ kind: "bytes", bytes }, SHA256, parts.register);
  expect(parts.isThere()).toBe(false);
  const kept = await definitions.contentOf(run);
  expect(kept.kind === "bytes" && Buffer.from(kept.bytes).equals(bytes)).toBe(true);
});

test("a submission that fails does not take the ZIP from another one that is still under way", async () => {
  await using parts = await bundle();
  const { definitions } = parts;
  const isFirstThere = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const first = definitions.takeOver(await parts.upload(), SHA256, async () => {
    isFirstThere.resolve();
    await goOn.promise;
    expect(parts.isThere()).toBe(true);
    await parts.register();
  });
  await isFirstThere.promise;
  const refused = definitions.takeOver(await parts.upload(), SHA256, async () => Promise.reject(new Error("refused")));
  await expect(refused).rejects.toThrow("refused");
  expect(parts.isThere()).toBe(true);
  goOn.resolve();
  await first;
  expect(parts.isThere()).toBe(true);
});

test("whenever a ZIP arrives while the same one is being removed, it is there when its run is written down", async () => {
  await using parts = await bundle();
  const { definitions } = parts;
  for (let round = 0; round < 100; round += 1) {
    await definitions.takeOver(await parts.upload(), SHA256, async () => undefined);
    const upload = await parts.upload();
    const removal = definitions.removeUnused(SHA256);
    for (let turns = 0; turns < round % 10; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    await definitions.takeOver(upload, SHA256, async () => {
      await removal;
      expect(parts.isThere()).toBe(true);
    });
    await definitions.removeUnused(SHA256);
  }
});
