import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

/** What the user programs themselves wrote, outside of the home and unknown to the server. */
export interface Witnessed {
  /** One process number for each time the program of this learner was started. */
  readonly starts: readonly number[];
  /** The code with which it was about to exit; null while, or because, it did not get there. */
  readonly exitCode: number | null;
}

/** A command that tells the witness of its start and its end, and does `body` in between. */
export function witnessed(witness: string, body: string, exitCode: number, devices: number): string {
  const line = (word: string, fact: string): string =>
    `echo "${word} $TRAINING_ID $LEARNER_ID $TRAINYARD_ATTEMPT ${fact} ${devices}" >> ${witness}`;
  return `${line("start", "$$")}; ${body}; ${line("end", String(exitCode))}; exit ${exitCode}`;
}

export async function readWitness(path: string, id: string, learner: number, attempt = 1): Promise<Witnessed> {
  const wanted = [id, String(learner), String(attempt)].join(" ");
  const facts = (word: string, lines: readonly string[][]): number[] =>
    lines
      .filter(([what, ...whose]) => what === word && whose.slice(0, 3).join(" ") === wanted)
      .map((line) => Number(line[4]));
  const lines = await linesOf(path);
  return { starts: facts("start", lines), exitCode: facts("end", lines).at(-1) ?? null };
}

/**
 * How many devices were in use at once at most, by the programs that told of their end: each told of it a moment
 * before it ended, so they had their devices for longer than is counted here.
 */
export async function mostDevicesAtOnce(path: string): Promise<number> {
  const lines = await linesOf(path);
  const nameOf = ([, ...who]: string[]): string => who.slice(0, 3).join(" ");
  const ended = new Set(lines.filter(([what]) => what === "end").map(nameOf));
  let most = 0;
  let used = 0;
  for (const line of lines.filter((one) => ended.has(nameOf(one)))) {
    used += line[0] === "start" ? Number(line[5]) : -Number(line[5]);
    most = Math.max(most, used);
  }
  return most;
}

async function linesOf(path: string): Promise<string[][]> {
  return (await readFile(path, "utf8").catch(() => "")).split("\n").map((line) => line.split(" "));
}

/** The processes that live now and carry the run's id in their environment. */
export async function processesOf(id: string): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      // Gone, or somebody else's.
      const environment = await readFile(join("/proc", pid, "environ"), "latin1").catch(() => "");
      return environment.includes(`TRAINING_ID=${id}\0`) ? Number(pid) : 0;
    }),
  );
  return found.filter(Boolean);
}
