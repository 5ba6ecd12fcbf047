import { spawn } from "node:child_process";
import { once } from "node:events";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hasEnvironmentEntry, isDead, isOpenOn, listPids, parseProcessStat, readProcess } from "./proc.ts";

const REST = "1 0 0 20 0 1 0";

describe("parseProcessStat", () => {
  it("reads a line whatever the program calls itself", () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 15 }),
        fc.integer({ min: 1, max: 4_194_304 }),
        fc.nat(),
        (name, pid, start) => {
          const line = `${pid} (${name}) S 7 8 9 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 ${start} 1000 2000\n`;
          expect(parseProcessStat(line)).toEqual({
            pid,
            name,
            state: "S",
            parent: 7,
            group: 8,
            session: 9,
            startTime: start,
          });
        },
      ),
      { examples: [["a) R 1 2 3 (b", 17, 4711]] },
    );
  });

  it.for(["", "17", "17 (sh", `17 (sh) S ${REST}`])("reads nothing from %j, which is not complete", (text) => {
    expect(parseProcessStat(text)).toBeNull();
  });
});

describe("readProcess", () => {
  it("tells of a process of ours, and of none where there is none", async () => {
    const child = spawn("sleep", ["1000"], { detached: true });
    await once(child, "spawn");
    const pid = child.pid ?? 0;
    expect(readProcess(pid)).toMatchObject({ pid, parent: process.pid, group: pid, session: pid });
    expect(listPids()).toContain(pid);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(readProcess(pid)).toBeNull();
  });

  it("calls a process dead whose parent has not asked for its end yet", async () => {
    // The shell never waits for its child, since it has become another program.
    const parent = spawn("sh", ["-c", "true & echo $!; exec sleep 1000"]);
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    const pid = Number(line.toString());
    const deadline = performance.now() + 5_000;
    let child = readProcess(pid);
    while (child !== null && !isDead(child) && performance.now() < deadline) child = readProcess(pid);
    expect(child).toMatchObject({ pid, state: "Z" });
    parent.kill("SIGKILL");
    await once(parent, "exit");
  });
});

describe("what a process carries", () => {
  it("is found by whole entries of its environment only", async () => {
    await using child = await sleeper({ MARK: "/runs/1/attempt-1" });
    expect(hasEnvironmentEntry(child.pid, "MARK=/runs/1/attempt-1")).toBe(true);
    expect(hasEnvironmentEntry(child.pid, "MARK=/runs/1/attempt-")).toBe(false);
    expect(hasEnvironmentEntry(child.pid, "ARK=/runs/1/attempt-1")).toBe(false);
  });

  it("is nothing when the process is gone", () => {
    expect(hasEnvironmentEntry(4_194_305, "A=b")).toBe(false);
    expect(isOpenOn(4_194_305, 1, { dev: 0, ino: 0 })).toBe(false);
  });
});

async function sleeper(env: Record<string, string>) {
  const child = spawn("/bin/sleep", ["1000"], { env });
  await once(child, "spawn");
  return {
    pid: child.pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}
