import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { isDead, isOpenOn, listPids, parseProcessStat, readEnvironment, readProcess } from "./proc.ts";

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
            threads: 1,
            startTime: start,
            isKernelThread: false,
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
    // The shell never waits for its child, since it has become another program by then.
    const parent = spawn("sh", ["-c", "sleep 0.2 & echo $!; exec sleep 1000"]);
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    const pid = Number(line.toString());
    expect(readProcess(pid)).toMatchObject({ pid, state: expect.not.stringMatching("Z") });
    await vi.waitUntil(() => readProcess(pid)?.state === "Z", { timeout: 5_000, interval: 5 });
    expect(readProcess(pid)).toSatisfy(isDead);
    parent.kill("SIGKILL");
    await once(parent, "exit");
  });
});

describe("what a process carries", () => {
  it("is its whole environment, each entry between NUL characters", async () => {
    await using child = await sleeper({ MARK: "/runs/1", LINES: "a\nb" });
    expect(readEnvironment({ pid: child.pid, state: "S" })).toBe("\0MARK=/runs/1\0LINES=a\nb\0");
  });

  it("is a descriptor by the file it leads to, whatever its name", async () => {
    await using child = await sleeper({});
    expect(isOpenOn(child.pid, 0, statSync("/dev/null"))).toBe(true);
    expect(isOpenOn(child.pid, 0, statSync("/dev/zero"))).toBe(false);
    expect(isOpenOn(child.pid, 99, statSync("/dev/null"))).toBe(false);
  });

  it("is nothing when the process is gone", () => {
    expect(readEnvironment({ pid: 4_194_305, state: "S" })).toBeNull();
    expect(isOpenOn(4_194_305, 1, { dev: 0, ino: 0 })).toBe(false);
  });
});

async function sleeper(env: Record<string, string>) {
  const child = spawn("/bin/sleep", ["1000"], { env, stdio: "ignore" });
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
