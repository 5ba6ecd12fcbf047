// `npm run test:simulation`: see contributing/simulation.md.
import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs, promisify } from "node:util";
import { simulate, type Episode } from "./simulation.ts";

const CI_LIFETIMES = 100_000;
const DEEP_LIFETIMES = 1_000_000;
/** Seeds for one process. What a dead server waits for stays in memory for as long as the process lives. */
const BATCH = 50;

interface Tally {
  lifetimes: number;
  steps: number;
  /** The seed that found something; null: none did. */
  broken: number | null;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      trace: { type: "boolean", default: false },
      from: { type: "string", default: "1" },
      lifetimes: { type: "string" },
      deep: { type: "boolean", default: false },
      batch: { type: "boolean", default: false },
    },
  });
  const from = Number(values.from);
  if (values.batch) return void process.stdout.write(JSON.stringify(await liveThrough(from)));
  if (values.seed !== undefined) {
    const onLine = values.trace ? (line: string) => void process.stdout.write(`${line}\n`) : undefined;
    return tell(await simulate(Number(values.seed), { onLine }));
  }
  await search(from, Number(values.lifetimes ?? (values.deep ? DEEP_LIFETIMES : CI_LIFETIMES)));
}

/** One batch of seeds after the other, on every core, until there were so many lifetimes. */
async function search(from: number, lifetimes: number): Promise<void> {
  const startedMs = performance.now();
  const sum: Tally = { lifetimes: 0, steps: 0, broken: null };
  let next = from;
  const go = async (): Promise<void> => {
    while (sum.lifetimes < lifetimes && sum.broken === null) {
      next += BATCH;
      const tally = await batch(next - BATCH);
      sum.lifetimes += tally.lifetimes;
      sum.steps += tally.steps;
      sum.broken ??= tally.broken;
    }
  };
  await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, go));
  if (sum.broken !== null) return tell(await simulate(sum.broken));
  const seconds = (performance.now() - startedMs) / 1000;
  process.stdout.write(
    `${sum.lifetimes} run lifetimes, ${sum.steps} steps, seeds ${from} to ${next - 1}: no violation ` +
      `(${seconds.toFixed(1)} s, ${Math.round(sum.lifetimes / seconds)} lifetimes/s)\n`,
  );
}

async function batch(from: number): Promise<Tally> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    import.meta.filename,
    "--batch",
    "--from",
    `${from}`,
  ]);
  return JSON.parse(stdout) as Tally;
}

async function liveThrough(from: number): Promise<Tally> {
  const tally: Tally = { lifetimes: 0, steps: 0, broken: null };
  for (let seed = from; seed < from + BATCH && tally.broken === null; seed += 1) {
    const { lifetimes, steps, violation } = await simulate(seed);
    tally.lifetimes += lifetimes;
    tally.steps += steps;
    if (violation !== null) tally.broken = seed;
  }
  return tally;
}

function tell({ seed, lifetimes, steps, hash, violation, lastLines }: Episode): void {
  if (violation === null) {
    process.stdout.write(`seed ${seed}: ${lifetimes} run lifetimes, ${steps} steps, trace ${hash}: no violation\n`);
    return;
  }
  const again = `npm run test:simulation -- --seed ${seed}`;
  process.stdout.write(`${lastLines.join("\n")}\n\nseed ${seed}, step ${steps}: ${violation}\nAgain: ${again}\n`);
  process.exitCode = 1;
}

await main();
