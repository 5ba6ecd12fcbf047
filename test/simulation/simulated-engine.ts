import { EngineError } from "../../src/engines/engine-error.ts";
import type { Ending, Engine, Handle, LearnerTask, Observation } from "../../src/engines/engine.ts";
import type { Life } from "./life.ts";
import { unreachable, type Program } from "./programs.ts";
import type { World } from "./world.ts";

/** How long an engine waits for what does not end before it says who stays. */
const PATIENCE_MS = 5_000;

/** What one server sees of the machine's programs. */
export function simulatedEngine(world: World, life: Life): Engine {
  const { weather, programs, chance } = world;

  const refuse = (what: string): void => {
    if (weather.isEngineAway) throw unreachable(what);
    if (weather.strikes(0.02)) throw unreachable(what);
  };
  const programOf = (handle: Handle): Program => {
    const program = programs.all.get(String(handle["key"]));
    if (program === undefined) throw new EngineError("simulated: not a handle of this engine", { retryable: false });
    return program;
  };
  const handleOf = ({ key }: Program): Handle => ({ key });
  /** Resolves when nothing of it is left; rejects when that takes too long. */
  const untilGone = async (program: Program, signal: AbortSignal | null): Promise<Ending> =>
    new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        program.whenGone.delete(onGone);
        signal?.removeEventListener("abort", onAbort);
        cancel();
        end();
      };
      const onGone = (): void =>
        void life.after(chance.between(1, 50), () => settle(() => resolve(program.ending as Ending)));
      const onAbort = (): void => settle(() => reject(signal?.reason as Error));
      let cancel = (): void => {};
      if (signal?.aborted === true) return reject(signal.reason as Error);
      signal?.addEventListener("abort", onAbort, { once: true });
      if (program.isGone) return onGone();
      program.whenGone.add(onGone);
      const watch = (): void => {
        cancel = life.after(PATIENCE_MS, () => {
          if (program.ending === null) watch();
          else settle(() => reject(new EngineError("simulated: process 4711 stays", { retryable: true })));
        });
      };
      watch();
    });

  return {
    name: "simulated",
    start: async (task: LearnerTask, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason as Error);
        const fault = weather.strikes(0.1) ? chance.pick(["never", "shortage", "answer"] as const) : null;
        const onAbort = (): void => {
          cancel();
          world.note(task.runId, "start");
          reject(signal.reason as Error);
        };
        const plan = world.planOf(task);
        const cancel = life.after(weather.strikes(0.03) ? 90_000 : chance.between(1, 30), () => {
          signal.removeEventListener("abort", onAbort);
          if (fault === "never" || fault === "shortage" || weather.isEngineAway) {
            world.note(task.runId, "start");
            return reject(new EngineError("simulated: it cannot be started", { retryable: fault !== "never" }));
          }
          programs.spawn(task, plan, (program) => {
            if (fault === "answer") world.note(task.runId, "start");
            life.after(fault === "answer" ? chance.between(0, 200) : 1, () =>
              fault === "answer" ? reject(unreachable("hear of the start")) : resolve(handleOf(program)),
            );
          });
        });
        signal.addEventListener("abort", onAbort, { once: true });
      }),
    find: async (directory, attempt) =>
      life.call(1, 0, () => {
        refuse("look for a learner");
        const program = programs.all.get(`${directory} ${attempt}`);
        return program === undefined ? undefined : handleOf(program);
      }),
    observe: async (handle): Promise<Observation> =>
      life.call(1, 0, () => {
        const program = programOf(handle);
        try {
          refuse("look at a learner");
        } catch (error) {
          world.note(program.runId, "observe");
          throw error;
        }
        return program.ending ?? { status: "running" };
      }),
    trackingOf: () => "simulated",
    waitForEnd: async (handle, signal) => {
      await life.call(1, 0, () => refuse("wait for a learner"));
      return untilGone(programOf(handle), signal);
    },
    stop: async (handle, graceMs) => {
      const program = programOf(handle);
      await life.call(1, 0, () => {
        refuse("ask a learner to end");
        programs.ask(program);
      });
      const cancel = life.after(graceMs, () => programs.kill(program));
      await untilGone(program, null).finally(cancel);
    },
    close: async () => {},
  };
}
