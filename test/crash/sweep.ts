import type { Step } from "../../src/base/world.ts";
import { checkEnding, checkIteration } from "./check.ts";
import type { Arming } from "./arm.ts";
import { ServerGone } from "./client.ts";
import { Iteration, type KnownRun } from "./iteration.ts";
import { UNARMED } from "./server.ts";
import type { Story } from "./stories.ts";
import { Violation } from "./violation.ts";
import { World } from "./world.ts";

/** Where a server is to end itself: at its n-th step, the one that starts after it at its m-th, and so on. */
export type Plan = readonly number[];

export interface SweepOptions {
  readonly place: string;
  readonly zip: Uint8Array<ArrayBuffer>;
  /** The server, as `bundle.ts` made it. */
  readonly program: string;
  /** The plans in their order; the sweep ends at the first whose first step is never reached. */
  readonly plans: Iterable<Plan>;
  readonly mostViolations: number;
  readonly onCrash: (story: Story, step: Step) => void;
  readonly onViolation: (story: Story, plan: Plan, crashes: readonly Step[], error: Error, server: string) => void;
}

/** Tells the story again and again, each time with the next plan, until it no longer reaches the planned step. */
export async function sweep(story: Story, options: SweepOptions): Promise<void> {
  let world: World | null = null;
  let violations = 0;
  let past: KnownRun[] = [];
  try {
    for (const plan of options.plans) {
      world ??= await World.make(options.place, options.program);
      const crashes: Step[] = [];
      let isReached = true;
      try {
        const told = new Iteration(`${story.name}-${plan.join("-")}-${past.length}`, world);
        isReached = await follow(story, told, plan, options, crashes);
        past.push(...told.runs.values());
        if (!isReached || past.length % 40 < 2) await checkPast(told, past);
      } catch (error) {
        options.onViolation(story, plan, crashes, error as Error, world.lastErrors);
        violations += 1;
        await world[Symbol.asyncDispose]();
        world = null;
        past = [];
        if (violations >= options.mostViolations) return;
      }
      if (story.isFresh && world !== null) {
        await world[Symbol.asyncDispose]();
        world = null;
        past = [];
      }
      if (!isReached) return;
    }
  } finally {
    await world?.[Symbol.asyncDispose]();
  }
}

/** False when the story was over before the first step of the plan. */
async function follow(
  story: Story,
  told: Iteration,
  plan: Plan,
  { zip, onCrash }: SweepOptions,
  crashes: Step[],
): Promise<boolean> {
  const { world } = told;
  const planned = [...plan];
  let crashAt = planned.shift() ?? 0;
  await begin(story, told, zip, crashAt);
  for (;;) {
    told.startPatience(crashAt === 0);
    if (await tellWhole(story, told, zip)) {
      if (crashAt === 0) {
        await checkIteration(told);
        return true;
      }
      if (crashes.length === 0) {
        // Some steps come after what a client can see: a graceful end takes them all.
        if (await world.server.end()) {
          await world.start();
          told.startPatience(true);
          await checkIteration(told);
          return false;
        }
      } else if (await world.server.arm(UNARMED)) {
        crashAt = 0;
        continue;
      }
    }
    const step = await world.takeStep();
    if (step === null) throw new Violation(14, "the server ended by itself");
    onCrash(story, step);
    crashes.push(step);
    crashAt = planned.shift() ?? 0;
    await world.start(armingOf(crashAt));
  }
}

/** Half of the crashes at a write let its beginning reach the disk. */
function armingOf(crashAt: number): Arming {
  return { crashAt, tears: crashAt % 2 === 1 };
}

/** A server that will end itself at that step, and what the story needs before it. */
async function begin(story: Story, told: Iteration, zip: SweepOptions["zip"], crashAt: number): Promise<void> {
  const { world } = told;
  if (!world.hasServer && !story.isFresh && !(await world.start()))
    throw new Violation(14, "the server does not start");
  if (story.before === undefined) {
    await world.server.arm(armingOf(crashAt));
    return;
  }
  await story.before(told, zip);
  if (world.hasServer) await world.server.kill();
  await world.start(armingOf(crashAt));
}

/** False when the server ended on the way. */
async function tellWhole(story: Story, told: Iteration, zip: SweepOptions["zip"]): Promise<boolean> {
  try {
    await story.tell(told, zip);
    return true;
  } catch (error) {
    if (error instanceof ServerGone) return false;
    throw error;
  }
}

/** No crash after its end changes how a run has ended. */
async function checkPast(told: Iteration, past: readonly KnownRun[]): Promise<void> {
  for (const run of past) if (!run.isDeleted) checkEnding(run, await told.look(run));
}
