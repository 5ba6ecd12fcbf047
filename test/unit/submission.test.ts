import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packDirectory } from "../../src/archive/pack-archive.ts";
import { guardWorld } from "../../src/base/world.ts";
import { controlBundle, MANIFEST, type ControlBundle } from "./control-bundle.ts";

const NEVER = new AbortController().signal;

const definitions = async ({ home }: ControlBundle): Promise<number> =>
  (await readdir(join(home, "definitions"))).length;

/** A small model definition as the server hands it on. */
async function smallSubmission({ home }: ControlBundle) {
  const folder = join(home, "tmp", "program");
  await mkdir(folder);
  await writeFile(join(folder, "main.sh"), "echo hello\n");
  await packDirectory(folder, `${folder}.zip`);
  const bytes = await readFile(`${folder}.zip`);
  return {
    zip: { kind: "bytes", bytes } as const,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    manifest: Buffer.from(MANIFEST),
    manifestName: "job.yaml",
    idempotencyKey: null,
    principal: { account: "admin" },
  };
}

test("all that 32 small submissions at the same moment change on the disk is one commit", async () => {
  await using bundle = await controlBundle();
  const request = await smallSubmission(bundle);
  const steps: string[] = [];
  using _guard = guardWorld(({ kind }) => void steps.push(kind));
  const submissions = Array.from({ length: 32 }, async () => bundle.control.runs.submit(request, NEVER));
  const isFirstAnswered = Promise.race(submissions).then(() => [...steps]);
  expect(await isFirstAnswered).toEqual(["commit"]);
  expect(new Set((await Promise.all(submissions)).map(({ run }) => run.id)).size).toBe(32);
});

test("a run whose definition is in the database comes to its end, and stores it with its results", async () => {
  await using bundle = await controlBundle();
  const request = await smallSubmission(bundle);
  const { run } = await bundle.control.runs.submit(request, NEVER);
  expect((await bundle.untilEnded(run.id)).state).toBe("completed");
  expect(await definitions(bundle)).toBe(0);
  expect(await bundle.stored(run.id, "_submitted_code/model.zip")).toBe(request.zip.bytes.toString("utf8"));
});

test("a repeated submission is started once", async () => {
  await using bundle = await controlBundle();
  const [first, again] = [await bundle.submit(MANIFEST, { key: "k" }), await bundle.submit(MANIFEST, { key: "k" })];
  expect(again.id).toBe(first.id);
  await bundle.untilEnded(first.id);
  await bundle.submit(MANIFEST, { key: "k" });
  const other = await bundle.untilEnded((await bundle.submit()).id);
  expect(bundle.world.executions.map(({ runId }) => runId)).toEqual([first.id, other.id]);
});

test("two submissions with one key at the same moment are one run", async () => {
  await using bundle = await controlBundle();
  const runs = await Promise.all([1, 2, 3].map(async () => bundle.submit(MANIFEST, { key: "k" })));
  expect(new Set(runs.map(({ id }) => id)).size).toBe(1);
  await bundle.untilEnded(runs[0]?.id ?? "");
  expect(bundle.world.executions).toHaveLength(1);
});

test.each([
  ["another manifest", MANIFEST.replace("tf-mnist", "other"), undefined],
  ["another ZIP", MANIFEST, { "other.sh": "false\n" }],
])("a key with %s is a conflict, and nothing of the second submission stays", async (_what, manifest, files) => {
  await using bundle = await controlBundle();
  await bundle.submit(MANIFEST, { key: "k" });
  const options = files === undefined ? { key: "k" } : { key: "k", files };
  await expect(bundle.submit(manifest, options)).rejects.toMatchObject({ code: "idempotency_key_reused" });
  expect(await definitions(bundle)).toBe(1);
});

test("a submission that the database refuses leaves no model definition behind", async () => {
  await using bundle = await controlBundle({
    database: () => ({ insertRun: async () => Promise.reject(new Error("SQLITE_FULL")) }),
  });
  await expect(bundle.submit()).rejects.toThrow("SQLITE_FULL");
  expect(await definitions(bundle)).toBe(0);
});

test.each([
  ["results", MANIFEST.replace("{target:", "{connection: {root: /srv}, target:")],
  ["data", `${MANIFEST}training_data: {connection: {root: /srv}, source: {bucket: mnist, type: directory}}\n`],
])("%s in a folder that the operator did not allow are refused", async (_what, manifest) => {
  await using bundle = await controlBundle();
  await expect(bundle.submit(manifest)).rejects.toMatchObject({ code: "directory_root_not_allowed" });
  expect(await definitions(bundle)).toBe(0);
});

test("as many devices as the machine has may be asked for", async () => {
  await using bundle = await controlBundle({ slots: 1 });
  expect((await bundle.untilEnded((await bundle.submit()).id)).state).toBe("completed");
});

test("a file that is no ZIP is refused before anything is kept", async () => {
  await using bundle = await controlBundle();
  const zipPath = join(bundle.home, "tmp", "upload.zip");
  await writeFile(zipPath, "not a ZIP");
  const request = {
    zip: { kind: "file", path: zipPath, sizeBytes: 9 } as const,
    sha256: "0".repeat(64),
    manifest: Buffer.from(MANIFEST),
    manifestName: "job.yaml",
    idempotencyKey: null,
    principal: { account: "admin" },
  };
  await expect(bundle.control.runs.submit(request, AbortSignal.timeout(5000))).rejects.toMatchObject({
    kind: "invalid",
  });
  expect(await definitions(bundle)).toBe(0);
});

test("a stop without a grace takes the configured one; the first wish keeps its time; after the end there is none", async () => {
  await using bundle = await controlBundle({ script: () => ({ kind: "runs", onStop: "ignores" }) });
  const { id } = await bundle.submit();
  await bundle.untilState(id, "running");
  const first = await bundle.control.runs.requestStop(id, null, { account: "ann" });
  const second = await bundle.control.runs.requestStop(id, 0, { account: "ann" });
  expect([first.stopGraceMs, second.stopGraceMs]).toEqual([1000, 0]);
  expect(second.stopRequestedAt).toEqual(first.stopRequestedAt);
  await bundle.untilEnded(id);
  await expect(bundle.control.runs.requestStop(id, 0, { account: "ann" })).rejects.toMatchObject({
    code: "run_already_ended",
  });
});

test("there is a log for each learner and no other, and a local copy only of what no bucket has", async () => {
  await using bundle = await controlBundle({ slots: 1, script: () => ({ kind: "runs", onStop: "ends" }) });
  const live = await bundle.untilState((await bundle.submit()).id, "running");
  const { runs } = bundle.control;
  expect((await runs.logFile(live.id, 1)).isComplete).toBe(false);
  await expect(runs.logFile(live.id, 2)).rejects.toMatchObject({ code: "request_invalid" });
  const waiting = await bundle.submit(MANIFEST, { files: { "other.sh": "true\n" } });
  expect([runs.localCopy(waiting), runs.localCopy(live)]).toEqual([
    null,
    join(bundle.home, "runs", live.id, "results"),
  ]);
  await runs.requestStop(live.id, 0, { account: "ann" });
  expect(runs.localCopy(await bundle.untilEnded(live.id))).toBeNull();
});
