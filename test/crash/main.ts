// `npm run test:crash`: kills the real server at each step of whole stories and looks at what is left; `-- --deep` with longer
// chains of crashes; `-- --story NAME --at N,M` replays one; `-- --outside` and `-- --recovery` alone. contributing/crash-tests.md.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isAvailable } from "../../tools/requirements.ts";
import { writeZip } from "../e2e/zip.ts";
import { CI_STRIDE, STORIES, type Story } from "./stories.ts";
import { sweep, type Plan } from "./sweep.ts";
import { bundleServer } from "./bundle.ts";
import { sweepFromOutside } from "./outside.ts";
import { measureRecovery } from "./recovery-time.ts";
import { OUTSIDE, Tally } from "./tally.ts";
import { placeForWorlds, World } from "./world.ts";

const LANES = 2;
const MOST_VIOLATIONS = 5;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      deep: { type: "boolean", default: false },
      story: { type: "string", multiple: true },
      at: { type: "string" },
      outside: { type: "boolean", default: false },
      recovery: { type: "boolean", default: false },
      plant: { type: "string", default: "" },
      verbose: { type: "boolean", default: false },
    },
  });
  const tally = new Tally(process.stdout, values.verbose);
  const place = await placeForWorlds();
  await using bundle = await bundleServer(place, values.plant);
  const { program } = bundle;
  const parts = { place, program, zip: await smallZip(), tally, plant: values.plant };
  await keepCompiledCode(place, program);
  const isWhole = values.story === undefined && !values.outside && !values.recovery;
  if (isWhole || values.story !== undefined) {
    await tellStories(parts, storiesOf(values.story), plansFor(values));
  }
  if (isWhole || values.outside) await killFromOutside(parts, values.deep ? 200 : 8);
  if (isWhole || values.recovery) await timeRecovery(parts, values.deep ? 100_000 : 20_000);
  tally.report();
  if (tally.violations > 0) process.exitCode = 1;
}

/** Node writes what it has compiled at a graceful end only, and the servers of the stories have none. */
async function keepCompiledCode(place: string, program: string): Promise<void> {
  await using world = await World.make(place, program);
  if (!(await world.start())) throw new Error(`The server does not start:\n${world.lastErrors}`);
  await world.server.end();
}

interface Parts {
  readonly place: string;
  readonly program: string;
  readonly zip: Uint8Array<ArrayBuffer>;
  readonly tally: Tally;
  readonly plant: string;
}

function storiesOf(names: readonly string[] | undefined): readonly Story[] {
  const unknown = names?.find((name) => STORIES.every((story) => story.name !== name));
  if (unknown !== undefined) throw new Error(`There is no story '${unknown}'.`);
  return STORIES.filter(({ name }) => names?.includes(name) ?? true);
}

async function tellStories(
  parts: Parts,
  stories: readonly Story[],
  plans: (story: Story) => Iterable<Plan>,
): Promise<void> {
  const { tally, ...rest } = parts;
  const options = {
    ...rest,
    mostViolations: parts.plant === "" ? MOST_VIOLATIONS : 1,
    onCrash: tally.crashed,
    onViolation: tally.violated,
  };
  const waiting = [...stories];
  const lane = async (): Promise<void> => {
    for (let story = waiting.shift(); story !== undefined; story = waiting.shift()) {
      const startedMs = performance.now();
      await sweep(story, { ...options, plans: plans(story) });
      tally.told(story.name, performance.now() - startedMs);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

async function killFromOutside({ tally, ...parts }: Parts, mostEach: number): Promise<void> {
  if (!isAvailable("strace")) return;
  const startedMs = performance.now();
  await sweepFromOutside({
    ...parts,
    mostEach,
    story: storiesOf(["train"])[0] as Story,
    onKill: tally.killed,
    onViolation: tally.violatedOutside,
  });
  tally.told(OUTSIDE, performance.now() - startedMs);
}

async function timeRecovery({ tally, place, zip }: Parts, endedRuns: number): Promise<void> {
  tally.recovered(await measureRecovery(place, zip, endedRuns));
}

function plansFor(wanted: { at?: string; deep: boolean; plant: string }): (story: Story) => Iterable<Plan> {
  const { at, deep, plant } = wanted;
  if (at !== undefined) return () => [planOf(at)];
  // A planted bug may show at one step only, and ends the sweep.
  if (plant !== "") return everyStep;
  return deep ? deepPlans : plansOfCi;
}

function* everyStep(): Generator<Plan> {
  for (let step = 1; ; step += 1) yield [step];
}

/** Every few steps, and the server that starts after each crash again at one of the steps of its recovery. */
function* plansOfCi({ stride = CI_STRIDE }: Story): Generator<Plan> {
  for (let turn = 0; ; turn += 1) yield [1 + turn * stride, 1 + ((turn * 7) % 23)];
}

/** Each step with several chains of crashes during the recoveries after it. */
function* deepPlans(): Generator<Plan> {
  for (let step = 1; ; step += 1) {
    for (let round = 0; round < 5; round += 1) {
      const turn = step * 5 + round;
      yield [step, 1 + ((turn * 7) % 31), 1 + ((turn * 11) % 29), 1 + ((turn * 5) % 37)];
    }
  }
}

function planOf(text: string): Plan {
  const plan = text.split(",").map(Number);
  if (plan.some((step) => !Number.isSafeInteger(step) || step < 1)) throw new Error(`'${text}' is no list of steps.`);
  return plan;
}

async function smallZip(): Promise<Uint8Array<ArrayBuffer>> {
  const folder = await mkdtemp(join(tmpdir(), "crash-zip-"));
  try {
    const path = join(folder, "model.zip");
    await writeZip(path, { "train.sh": "true\n", "lib/part.txt": "part\n" });
    return new Uint8Array(await readFile(path));
  } finally {
    await rm(folder, { recursive: true });
  }
}

await main();
