import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { directoryManifest } from "./manifests.ts";
import { startService, type Service } from "./service.ts";
import { writeZip } from "./zip.ts";

async function submit(service: Service, command: string, wishes: string): Promise<string> {
  await writeZip(join(service.work, "model.zip"), { "readme.txt": "nothing\n" });
  const manifest = directoryManifest({ command });
  const withWishes = manifest.replace(/^( *)(command:.*)$/m, `$1$2\n$1${wishes}`);
  await writeFile(join(service.work, "job.yaml"), withWishes);
  const { stdout, stderr, code } = await service.trainyard(["submit", "model.zip", "job.yaml", "-q"]);
  expect([code, stderr]).toEqual([0, ""]);
  return stdout.trim();
}

async function stored(service: Service, id: string, key: string): Promise<string> {
  return readFile(join(service.home, "buckets", "models", id, key), "utf8");
}

test("a program over its time limit is stopped, and every surface says so", async () => {
  await using service = await startService({ configuration: "stop: {grace_seconds: 1}\ntime_limit: {max: 1h}\n" });
  const id = await submit(service, `echo begun; echo half > $RESULT_DIR/half; sleep 600`, "time_limit: 2s");
  const followed = await service.trainyard(["logs", "-f", id, "--exit-status"]);
  expect([followed.code, followed.stdout.includes("begun")]).toEqual([100, true]);
  const { stdout } = await service.trainyard(["show", id]);
  expect(stdout).toMatch(/^Time limit +2s for each attempt$/m);
  expect(stdout).toMatch(/^Cause: time_limit \(exit code 143, while running\)$/m);
  expect(stdout).toContain("when it was stopped: its time limit is 2s.");
  expect((await service.bx(["ml", "show", "training-runs", id])).stdout).toContain("error");
  expect(await stored(service, id, "half")).toBe("half\n");
  expect(await stored(service, id, "training-log.txt")).toContain("begun");

  const refused = await service.trainyard(["submit", "model.zip", await longer(service)]);
  expect([refused.code, refused.stderr]).toEqual([
    2,
    expect.stringContaining("The run asks for a time limit of 2h, and this server allows 1h."),
  ]);
});

async function longer(service: Service): Promise<string> {
  const text = await readFile(join(service.work, "job.yaml"), "utf8");
  await writeFile(join(service.work, "longer.yaml"), text.replace("time_limit: 2s", "time_limit: 2h"));
  return "longer.yaml";
}

test("a run whose processes were all killed is tried again, goes on from its checkpoint and completes", async () => {
  await using service = await startService({ configuration: "retries: {delay_seconds: 0.2}\n" });
  // The second attempt finds what the first one saved.
  const command = `echo attempt $TRAINYARD_ATTEMPT; if [ -e $CHECKPOINT_DIR/saved ]; then echo resumed > $RESULT_DIR/model; else echo 1 > $CHECKPOINT_DIR/saved; sleep 600; fi`;
  const id = await submit(service, command, "retries: 1");
  const learner = join(service.home, "runs", id, "learner-1");
  await expect
    .poll(async () => readFile(join(learner, "training-log.txt"), "utf8").catch(() => ""), { timeout: 20_000 })
    .toContain("attempt 1");
  // Whoever begins to follow once the first attempt is over sees the next one only.
  const begun = Promise.withResolvers<void>();
  const onOutput = (text: string): void => {
    if (text.includes("attempt 1")) begun.resolve();
  };
  const following = service.trainyard(["logs", "-f", id, "--exit-status"], { onOutput });
  await begun.promise;
  const [pid = ""] = (await readFile(join(learner, "attempt-1.pid"), "utf8")).split(/\s/);
  expect(Number(pid)).toBeGreaterThan(1);
  // The shim leads its group, so this is the shim, the shell and the program.
  process.kill(-Number(pid), "SIGKILL");

  const { code, stdout } = await following;
  expect(code).toBe(0);
  expect([stdout.includes("attempt 1"), stdout.includes("attempt 2")]).toEqual([true, true]);
  const shown = (await service.trainyard(["show", id])).stdout;
  expect(shown).toMatch(/^Attempt +2 of at most 2$/m);
  expect(shown).toMatch(/^Attempt 1 ended .*, learner_lost: The program vanished/m);
  const first = await service.trainyard(["logs", id, "--attempt", "1"]);
  expect([first.stdout.includes("attempt 1"), first.stdout.includes("attempt 2")]).toEqual([true, false]);
  expect(await stored(service, id, "attempts/1/learner-1/training-log.txt")).toContain("attempt 1");
  expect(await stored(service, id, "learner-1/training-log.txt")).toContain("attempt 2");
  expect(await stored(service, id, "model")).toBe("resumed\n");
  expect((await service.trainyard(["events", id])).stdout).toContain("Attempt 1 failed (learner_lost).");
});
