import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const LOOK_MS = 1;
const PATIENCE_MS = 30_000;

/** Tells when a program started: the program itself writes the time, without starting another one for it. */
export class StartWitness {
  readonly #folder: string;
  #count = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** A command for bash, and the time at which bash came to it, in ms since 1970. */
  async next(): Promise<{ readonly command: string; startedAt(): Promise<number> }> {
    await mkdir(this.#folder, { recursive: true });
    this.#count += 1;
    const path = join(this.#folder, String(this.#count));
    return { command: `printf '%s\\n' $EPOCHREALTIME >${path}`, startedAt: async () => readTime(path) };
  }
}

async function readTime(path: string): Promise<number> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (performance.now() < deadlineMs) {
    const text = await readFile(path, "latin1").catch(() => "");
    if (text.endsWith("\n")) return Number(text) * 1000;
    await delay(LOOK_MS);
  }
  throw new Error(`No program has started within ${PATIENCE_MS / 1000} s.`);
}

/**
 * The time in ms since 1970, exact to a microsecond, by the clock that bash reads. `Date.now()` counts whole
 * milliseconds, so it is watched until it moves on; `performance.now()` tells how much later it is from then on.
 */
export function exactClock(): () => number {
  const first = Date.now();
  let now = first;
  while (now === first) now = Date.now();
  const offset = now - performance.now();
  return () => offset + performance.now();
}
