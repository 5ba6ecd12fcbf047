import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runCommand } from "./bounded-command.ts";

const never = new AbortController().signal;

function shell(script: string, timeLimitMs = 10_000) {
  return { file: "/bin/sh", args: ["-c", script], env: {}, workingDirectory: "/", timeLimitMs };
}

async function makeFolder() {
  const path = await mkdtemp(join(tmpdir(), "trainyard-command-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

it("gives both streams and the exit code", async () => {
  expect(await runCommand(shell("echo out; echo err >&2; exit 7"), never)).toEqual({
    status: "exited",
    exitCode: 7,
    stdout: "out\n",
    stderr: "err\n",
  });
});

it("gives the signal that ended the program", async () => {
  expect(await runCommand(shell("kill -SEGV $$"), never)).toMatchObject({ status: "signaled", signal: "SIGSEGV" });
});

it("nothing of this process's environment comes through", async () => {
  const ending = await runCommand({ ...shell("env"), env: { ONLY: "this" } }, never);
  expect(ending).toMatchObject({ stdout: expect.stringContaining("ONLY=this") });
  expect(ending).not.toMatchObject({ stdout: expect.stringContaining("HOME=") });
});

it("a program that is not there is an answer, not an exception", async () => {
  const ending = await runCommand({ ...shell(""), file: "/nowhere/python3" }, never);
  expect(ending).toMatchObject({ status: "not_started", reason: expect.stringContaining("ENOENT") });
});

it("keeps the last part of an endless output", async () => {
  const ending = await runCommand(shell("head -c 300000 /dev/zero | tr '\\0' x; echo; echo last words"), never);
  expect(ending).toMatchObject({ status: "exited", stdout: expect.stringMatching(/x\nlast words\n$/) });
  expect((ending as { stdout: string }).stdout.length).toBe(64 * 1024);
});

it("the time limit ends the program and what it started", async () => {
  await using folder = await makeFolder();
  // The limit is far shorter than any of the sleeps: only a kill can end this in time.
  const script = `sleep 600 & echo $! > ${folder.path}/pid; echo started; wait`;
  const ending = await runCommand(shell(script, 1_000), never);
  expect(ending).toEqual({ status: "timed_out", stdout: "started\n", stderr: "" });
  const grandchild = Number(await readFile(join(folder.path, "pid"), "utf8"));
  await expect.poll(() => isAlive(grandchild)).toBe(false);
});

it("a grandchild that left the group cannot hold back the end", async () => {
  await using folder = await makeFolder();
  const ending = await runCommand(shell(`setsid sleep 600 & echo $! > ${folder.path}/pid; wait`, 1_000), never);
  process.kill(Number(await readFile(join(folder.path, "pid"), "utf8")), "SIGKILL");
  expect(ending).toMatchObject({ status: "timed_out" });
});

it("an abort ends the program and rejects with the signal's reason", async () => {
  const controller = new AbortController();
  const ending = runCommand(shell("sleep 600"), controller.signal);
  controller.abort(new Error("enough"));
  await expect(ending).rejects.toThrow("enough");
  await expect(runCommand(shell("true"), controller.signal)).rejects.toThrow("enough");
});

function isAlive(pid: number): boolean {
  // A killed orphan may stay in the process table until init collects it: state Z.
  const state = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).stdout.trim();
  return state !== "" && !state.startsWith("Z");
}
