// `npm run test:simulation`: see contributing/simulation.md.
import { parseArgs } from "node:util";
import { simulate, type Episode } from "./simulation.ts";

const CI_LIFETIMES = 100_000;
const DEEP_LIFETIMES = 1_000_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      from: { type: "string", default: "1" },
      lifetimes: { type: "string" },
      trace: { type: "boolean", default: false },
      deep: { type: "boolean", default: false },
    },
  });
  if (values.seed !== undefined) {
    const onLine = values.trace ? (line: string) => void process.stdout.write(`${line}\n`) : undefined;
    return tell(await simulate(Number(values.seed), { onLine }));
  }
  const wanted = Number(values.lifetimes ?? (values.deep ? DEEP_LIFETIMES : CI_LIFETIMES));
  const startedMs = performance.now();
  let [seed, lifetimes, steps] = [Number(values.from), 0, 0];
  for (; lifetimes < wanted; seed += 1) {
    const episode = await simulate(seed);
    if (episode.violation !== null) return tell(episode);
    lifetimes += episode.lifetimes;
    steps += episode.steps;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  process.stdout.write(
    `${lifetimes} run lifetimes, ${steps} steps, seeds ${values.from} to ${seed - 1}: no violation ` +
      `(${seconds.toFixed(1)} s, ${Math.round(lifetimes / seconds)} lifetimes/s)\n`,
  );
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
