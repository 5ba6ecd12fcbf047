import { readFileSync } from "node:fs";
import type { Step } from "../../src/base/world.ts";
import type { Recovery } from "./recovery-time.ts";
import type { Story } from "./stories.ts";
import type { Plan } from "./sweep.ts";
import { Violation } from "./violation.ts";

/** The kills that no code of ours announces, beside the stories. */
export const OUTSIDE = "from-outside";

/** Counts the crashes and prints what was found. */
export class Tally {
  readonly #out: NodeJS.WritableStream;
  readonly #isVerbose: boolean;
  readonly #byStory = new Map<string, number>();
  readonly #byKind = new Map<string, number>();
  readonly #startedMs = performance.now();
  violations = 0;

  constructor(out: NodeJS.WritableStream, isVerbose: boolean) {
    this.#out = out;
    this.#isVerbose = isVerbose;
  }

  readonly crashed = (story: Story, step: Step): void => {
    count(this.#byStory, story.name);
    count(this.#byKind, step.kind);
    if (this.#isVerbose) this.#out.write(`${story.name}: ${step.kind} ${step.subject}\n`);
  };

  readonly killed = (calls: string, n: number): void => {
    count(this.#byStory, OUTSIDE);
    count(this.#byKind, "system call");
    if (this.#isVerbose) this.#out.write(`${OUTSIDE}: call ${n} of ${calls}\n`);
  };

  readonly violatedOutside = (calls: string, n: number, error: Error, server: string): void => {
    this.#tell(`at call ${n} of ${calls}`, error, "--outside", server);
  };

  readonly violated = (story: Story, plan: Plan, crashes: readonly Step[], error: Error, server: string): void => {
    const steps = crashes.map(({ kind, subject }, index) => `step ${plan[index]}: ${kind} ${subject}`);
    const where = `in story '${story.name}', crashes at ${steps.join("; then ") || "no step"}`;
    this.#tell(where, error, `--story ${story.name} --at ${plan.join(",")}`, server);
  };

  #tell(where: string, error: Error, replay: string, server: string): void {
    this.violations += 1;
    this.#out.write(
      `\nVIOLATION ${where}\n` +
        `  ${error instanceof Violation ? error.message : error.stack}\n` +
        `  replay: npm run test:crash -- ${replay}\n` +
        `  the server's last words:\n${server.trimEnd().split("\n").slice(-6).join("\n")}\n`,
    );
  }

  recovered({ liveRuns, endedRuns, ready, idleReady, restarted, lostLogBytes }: Recovery): void {
    this.#out.write(
      `recovery of ${liveRuns} live runs beside ${endedRuns} ended ones: ready in ${ready.wallMs.toFixed(0)} ms ` +
        `with ${ready.processorMs} ms of processor (without the live ones ${idleReady.wallMs.toFixed(0)} ms ` +
        `with ${idleReady.processorMs} ms), ${restarted} programs started again, ${lostLogBytes} log bytes lost\n`,
    );
    if (restarted + lostLogBytes > 0) this.violations += 1;
  }

  told(name: string, tookMs: number): void {
    const crashes = this.#byStory.get(name) ?? 0;
    this.#out.write(`${name}: ${crashes} crashes in ${(tookMs / 1000).toFixed(0)} s\n`);
  }

  report(): void {
    const byKind = [...this.#byKind].toSorted(([, a], [, b]) => b - a).map(([kind, times]) => `${kind} ${times}`);
    const total = [...this.#byStory.values()].reduce((sum, times) => sum + times, 0);
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(0);
    this.#out.write(`by kind of step: ${byKind.join(", ")}\n`);
    this.#out.write(
      `${total} crash points, ${this.violations} violations, ${seconds} s (${processorSeconds()} s of processor)\n`,
    );
  }
}

/** Hundredths of a second, as the kernel counts in `/proc` (proc(5)). */
const TICKS_A_SECOND = 100;

/** Of this process and all that it started and that ended since; the learners' programs, which outlive their server, are not among them. */
function processorSeconds(): string {
  const [, facts = ""] = readFileSync("/proc/self/stat", "latin1").split(") ");
  // utime, stime, cutime, cstime: the fields 14 to 17, of which two stand before the bracket.
  const ticks = facts.split(" ").slice(11, 15).map(Number);
  return (ticks.reduce((sum, used) => sum + used, 0) / TICKS_A_SECOND).toFixed(0);
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
