import { readFile, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { LearnerTask } from "../engine.ts";
import { type LocalSetup, localSetup, programOutput } from "./conformance.ts";

const NEVER = new AbortController().signal;

/** Runs a command to its end. */
async function run(place: LocalSetup, command: string, change: Partial<LearnerTask> = {}) {
  const engine = place.connect();
  const task = await place.taskFor(command, change);
  const handle = await engine.start(task, NEVER);
  const ending = await engine.waitForEnd(handle, NEVER);
  if (ending.status !== "exited") throw new Error(`The learner is lost: ${ending.reason}.`);
  return { task, exitCode: ending.exitCode, output: await programOutput(task, ending.exitCode) };
}

describe("the command", () => {
  it.for([
    ["runs in bash", "[[ abc == a* ]] && echo yes", "yes\n"],
    ["may be several", "cd /; echo $PWD && false || echo no", "/\nno\n"],
    ["may set variables and use those given", "A=1 sh -c 'echo \"$A ${LEARNER_DIR##*/learner-}\"' | cut -c1-2", "1 \n"],
    ["has both streams in the order of writing", "echo one; echo two >&2; echo three", "one\ntwo\nthree\n"],
    ["has nothing on its standard input", "cat; [ -t 0 ] || echo end", "end\n"],
    ["may begin with a hyphen", "-c 2>/dev/null; echo $?", "127\n"],
    [
      "finds no file of the service open",
      "ls /proc/self/fd | wc -l > /dev/null; ls -l /proc/self/fd | grep -c attempt-",
      "0\n",
    ],
  ])("%s", async ([, command = "", expected]) => {
    await using place = await localSetup();
    expect((await run(place, command)).output).toBe(expected);
  });

  it("runs in its working directory", async () => {
    await using place = await localSetup();
    expect((await run(place, "pwd", { workingDirectory: "/usr" })).output).toBe("/usr\n");
  });

  it("runs in sh where there is no bash, and the log says so", async () => {
    await using place = await localSetup();
    const { output, exitCode } = await run(place, "echo $0; exit 4", { env: { PATH: "/nowhere" } });
    expect({ output, exitCode }).toEqual({
      output: "bash was not found on the PATH; the command runs in /bin/sh.\n/bin/sh\n",
      exitCode: 4,
    });
  });

  it("has the environment of the task and nothing of the service's", async () => {
    await using place = await localSetup();
    process.env["TRAINYARD_TEST_SECRET"] = "must not come through";
    const env = { PATH: process.env["PATH"] ?? "", EMPTY: "", LINES: "a\nb=c", trainyard: "ä" };
    const { task } = await run(place, "cat /proc/$$/environ > environ", { env });
    delete process.env["TRAINYARD_TEST_SECRET"];
    const seen = (await readFile(join(task.directory, "environ"), "utf8")).split("\0").filter((entry) => entry !== "");
    expect(seen.sort()).toEqual(
      [
        ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
        `PWD=${task.directory}`,
        `TRAINYARD_ATTEMPT_KEY=${task.directory}/attempt-1`,
      ].sort(),
    );
  });
});

describe("the log", () => {
  it("is the program's output to the last byte, without a newline at its end too", async () => {
    await using place = await localSetup();
    const { task } = await run(place, "head -c 300000 /dev/urandom | tee written; printf tail | tee -a written");
    const log = await readFile(join(task.directory, "training-log.txt"));
    const written = await readFile(join(task.directory, "written"));
    const expected = [Buffer.from(task.banner), written, Buffer.from("\nTraining process finished. Exit code: 0\n")];
    expect(log.equals(Buffer.concat(expected))).toBe(true);
  });

  it("has what background processes write after the program's end before its own last lines", async () => {
    await using place = await localSetup();
    const { output } = await run(place, "(trap 'echo late; exit' TERM; echo early; sleep 1000) & sleep 0.05");
    expect(output).toBe("early\n");
  });

  it("goes on where an earlier attempt ended", async () => {
    await using place = await localSetup();
    const { task } = await run(place, "echo first; exit 1");
    const engine = place.connect();
    await engine.waitForEnd(await engine.start({ ...task, attempt: 2, command: "echo second" }, NEVER), NEVER);
    expect(await readFile(join(task.directory, "training-log.txt"), "utf8")).toBe(
      [
        `${task.banner}first`,
        "Training process finished. Exit code: 1",
        "Job exited with error code 1",
        `${task.banner}second`,
        "Training process finished. Exit code: 0\n",
      ].join("\n"),
    );
  });
});

describe("the end", () => {
  const harmless = new Set(["SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGWINCH"]);
  const fatal = Object.entries(constants.signals).filter(([name, number]) => !harmless.has(name) && number < 32);

  it.for(fatal)("by %s is 128 + %i, with no word of the shell's in the log", async ([, number]) => {
    await using place = await localSetup();
    const { exitCode, output } = await run(place, `ulimit -c 0; exec sh -c 'kill -${number} $$'`);
    expect({ exitCode, output }).toEqual({ exitCode: 128 + number, output: "" });
  });

  it("by a signal to the whole group is recorded all the same", async () => {
    await using place = await localSetup();
    for (const signal of ["TERM", "INT", "HUP", "QUIT"]) {
      expect(await run(place, `ulimit -c 0; exec sh -c 'kill -${signal} 0; sleep 1000'`)).toMatchObject({
        exitCode: 128 + constants.signals[`SIG${signal}` as "SIGTERM"],
      });
    }
  });

  it.for([
    ["nobody-has-this-command", 127],
    ["./not-executable", 126],
  ] as const)("of '%s' is %i, and the log says why", async ([command, expected]) => {
    await using place = await localSetup();
    const engine = place.connect();
    const task = await place.taskFor(command);
    await writeFile(join(task.directory, "not-executable"), "#!/bin/sh\n", { mode: 0o644 });
    const ending = await engine.waitForEnd(await engine.start(task, NEVER), NEVER);
    expect(ending).toMatchObject({ status: "exited", exitCode: expected });
    expect(await programOutput(task, expected)).toContain(command);
  });

  it("has its place on the disk before the program starts, so that a full disk cannot hide it", async () => {
    await using place = await localSetup();
    expect((await run(place, "wc -c < attempt-1.exit")).output.trim()).toBe("1");
  });

  it("of eight learners at once is each its own", async () => {
    await using place = await localSetup();
    const codes = [0, 1, 2, 3, 4, 5, 6, 7];
    const runs = await Promise.all(codes.map((code) => run(place, `sleep 0.0${code}; echo ${code}; exit ${code}`)));
    expect(runs.map(({ exitCode, output }) => [exitCode, output])).toEqual(codes.map((code) => [code, `${code}\n`]));
  });
});
