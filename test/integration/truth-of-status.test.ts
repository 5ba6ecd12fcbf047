import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { outcomeOfEndings } from "../../src/control/life/endings.ts";
import { chooseTracker } from "../../src/engines/local/choose-tracker.ts";
import { localSetup, type LocalSetup } from "../../src/engines/local/conformance.ts";
import type { Engine, LearnerTask } from "../../src/engines/engine.ts";
import { pendingRun } from "../fixtures/pending-run.ts";

const NEVER = new AbortController().signal;
const AT_ONCE = 8;

/** CHLD, CONT, URG, WINCH */
const NOT_FATAL = [17, 18, 23, 28];
/** STOP; and TSTP, TTIN, TTOU, which do nothing where no shell with a terminal waits (POSIX, orphaned process groups). */
const STOPPING = [19, 20, 21, 22];
const FATAL = Array.from({ length: 31 }, (_, index) => index + 1).filter(
  (signal) => !NOT_FATAL.includes(signal) && !STOPPING.includes(signal),
);

it("every exit code from 0 to 255 is told as it was, and 0 alone is a success", { timeout: 180_000 }, async () => {
  await using place = await localSetup();
  const codes = Array.from({ length: 256 }, (_, code) => code);
  const told = await tellAll(
    place,
    codes.map((code) => ({ command: `exit ${code}` })),
  );
  expect(told.map(({ exitCode }) => exitCode)).toEqual(codes);
  expect(told.map(({ state }) => state)).toEqual(codes.map((code) => (code === 0 ? "completed" : "failed")));
});

it("each of the 31 signals is told as what it did to the program", { timeout: 180_000 }, async () => {
  await using place = await localSetup(await chooseTracker(import.meta.filename, systemClock));
  // bash takes no notice of some.
  const ended = await tellAll(
    place,
    FATAL.map((signal) => ({ command: `exec sh -c "kill -${signal} \\$\\$; exit 0"` })),
  );
  expect(ended.map(({ exitCode }) => exitCode)).toEqual(FATAL.map((signal) => 128 + signal));
  expect(new Set(ended.map(({ cause }) => cause))).toEqual(new Set(["program_signal"]));
  const lived = [...NOT_FATAL, ...STOPPING].map((signal) => ({
    command: `(sleep 0.1; kill -CONT $$) & kill -${signal} $$; wait; exit 5`,
  }));
  expect(new Set((await tellAll(place, lived)).map(({ exitCode }) => exitCode))).toEqual(new Set([5]));
});

it("what cannot be run, and an end that nobody saw, is never a success", async () => {
  await using place = await localSetup(await chooseTracker(import.meta.filename, systemClock));
  const told = await tellAll(place, [
    { command: "no-such-program" },
    { command: "./plain.txt" },
    { command: "./broken" },
    { command: "kill -KILL 0" },
    { command: "kill -KILL $PPID; exit 0" },
  ]);
  expect(told).toEqual([
    { state: "failed", cause: "command_not_found", exitCode: 127 },
    { state: "failed", cause: "command_not_executable", exitCode: 126 },
    { state: "failed", cause: expect.stringMatching(/^command_not/), exitCode: expect.any(Number) },
    { state: "failed", cause: "learner_lost", exitCode: null },
    { state: "failed", cause: "learner_lost", exitCode: null },
  ]);
});

interface Told {
  readonly state: string;
  readonly cause: string | null;
  readonly exitCode: number | null;
}

/** Runs them through one engine, a few at once, and tells how a run of each would end. */
async function tellAll(place: LocalSetup, programs: readonly Pick<LearnerTask, "command">[]): Promise<Told[]> {
  const engine = place.connect();
  const told: Told[] = [];
  const waiting = programs.map(({ command }, index) => ({ command, index }));
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      told[next.index] = await tell(place, engine, next.command);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return told;
}

async function tell(place: LocalSetup, engine: Engine, command: string): Promise<Told> {
  const task = await place.taskFor(command);
  await writeFile(join(task.directory, "plain.txt"), "no program\n");
  await writeFile(join(task.directory, "broken"), "#!/no/such/interpreter\n", { mode: 0o755 });
  const ending = await engine.waitForEnd(await engine.start(task, NEVER), NEVER);
  const context = { phase: "running", attempt: 1, logTail: [] } as const;
  const outcome = outcomeOfEndings([{ learner: 1, ending, seenAt: new Date() }], pendingRun(), () => context);
  if (outcome.state !== "failed") return { state: outcome.state, cause: null, exitCode: 0 };
  const { cause, exitCode } = outcome.failure;
  return { state: outcome.state, cause, exitCode };
}
