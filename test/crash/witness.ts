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
export function witnessed(witness: string, body: string, exitCode = 0): string {
  const line = (word: string, fact: string): string => `echo "${word} $TRAINING_ID $LEARNER_ID ${fact}" >> ${witness}`;
  return `${line("start", "$$")}; ${body}; ${line("end", String(exitCode))}; exit ${exitCode}`;
}

export async function readWitness(path: string, id: string, learner: number): Promise<Witnessed> {
  const lines = (await readFile(path, "utf8").catch(() => "")).split("\n").map((line) => line.split(" "));
  const facts = (word: string): number[] =>
    lines
      .filter(([what, whose, number]) => what === word && whose === id && number === String(learner))
      .map(([, , , fact]) => Number(fact));
  return { starts: facts("start"), exitCode: facts("end").at(-1) ?? null };
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
