import { access, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { directoryManifest } from "./manifests.ts";
import { startService, type Service } from "./service.ts";
import { writeZip } from "./zip.ts";

async function submit(service: Service, command: string): Promise<string> {
  await writeZip(join(service.work, "model.zip"), { "readme.txt": "nothing\n" });
  await writeFile(join(service.work, "job.yaml"), directoryManifest({ command }));
  const { stdout, stderr, code } = await service.trainyard(["submit", "model.zip", "job.yaml", "-q"]);
  expect([code, stderr]).toEqual([0, ""]);
  return stdout.trim();
}

async function show(service: Service, id: string): Promise<{ state: string; failure: { cause: string } | null }> {
  const { stdout } = await service.trainyard(["show", id, "-o", "json"]);
  return JSON.parse(stdout) as { state: string; failure: { cause: string } | null };
}

const untilRunning = async (service: Service, id: string): Promise<void> =>
  expect.poll(async () => (await show(service, id)).state, { timeout: 20_000 }).toBe("running");

/** A file the program makes; tells it from outside to go on. */
const WAIT_FOR_GO = `while [ ! -e "$RESULT_DIR/go" ]; do sleep 0.05; done; rm "$RESULT_DIR/go"`;

async function go(service: Service, id: string): Promise<void> {
  await writeFile(join(service.home, "runs", id, "results", "go"), "");
}

test.each([
  ["completes after the restart", `${WAIT_FOR_GO}; echo weights > $RESULT_DIR/model`, "completed", null],
  ["fails after the restart", `${WAIT_FOR_GO}; exit 7`, "failed", "program_exit"],
])("a server killed during a run, when the program %s, ends in the right state", async (_when, work, state, cause) => {
  await using service = await startService();
  const id = await submit(service, `echo $$ >> $RESULT_DIR/starts; echo begin; ${work}`);
  await untilRunning(service, id);
  await service.kill();
  await service.start();
  expect((await show(service, id)).state).toBe("running");
  await go(service, id);
  const followed = await service.trainyard(["logs", "-f", id, "--exit-status"]);
  expect(followed.stdout).toContain("begin");
  const ended = await show(service, id);
  expect([ended.state, ended.failure?.cause ?? null]).toEqual([state, cause]);
  const starts = await readFile(join(service.home, "buckets", "models", id, "starts"), "utf8");
  expect(starts.trim().split("\n")).toHaveLength(1);
});

test("a program that ends while no server lives is judged by the record that it left", async () => {
  await using service = await startService();
  const completing = await submit(service, `${WAIT_FOR_GO}; echo done`);
  const failing = await submit(service, `${WAIT_FOR_GO}; exit 3`);
  await untilRunning(service, completing);
  await untilRunning(service, failing);
  await service.kill();
  for (const id of [completing, failing]) await go(service, id);
  for (const id of [completing, failing]) {
    const record = join(service.home, "runs", id, "learner-1");
    await expect.poll(async () => (await readdir(record)).some((name) => name.endsWith(".exit"))).toBe(true);
  }
  await service.start();
  for (const [id, state] of [
    [completing, "completed"],
    [failing, "failed"],
  ] as const) {
    await expect.poll(async () => (await show(service, id)).state, { timeout: 20_000 }).toBe(state);
    const marker = join(service.home, "buckets", "models", id, "learner-1", ".log-copy-complete");
    await expect(access(marker)).resolves.toBeUndefined();
  }
});

test("a second server refuses the home of the first, and says who has it", async () => {
  await using service = await startService();
  const second = await service.trainyard(["serve", "--home", service.home, "--listen", "127.0.0.1:0"]);
  expect(second.code).toBe(5);
  expect(second.stderr).toContain(String(await service.pid()));
});

test("SIGTERM ends the server cleanly and the program lives on", async () => {
  await using service = await startService();
  const id = await submit(service, `${WAIT_FOR_GO}; echo survived > $RESULT_DIR/note`);
  await untilRunning(service, id);
  expect(await service.stop()).toBe(0);
  await expect(access(join(service.home, "server.json"))).rejects.toThrow("ENOENT");
  await go(service, id);
  await service.start();
  await expect.poll(async () => (await show(service, id)).state, { timeout: 20_000 }).toBe("completed");
  expect(await readFile(join(service.home, "buckets", "models", id, "note"), "utf8")).toBe("survived\n");
});
