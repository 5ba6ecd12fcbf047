import { diskFull, storeBusy } from "../../src/domain/errors.ts";
import type { Store } from "../../src/store/store.ts";
import type { Life } from "./life.ts";
import type { MemoryStore } from "./memory-store.ts";
import type { World } from "./world.ts";

const WRITES: ReadonlySet<string> = new Set(["insertRun", "saveRun", "deleteRun"]);

/** What one server sees of the store: late answers, refusals, and writes that were done though their answer is an error. */
export function faultyStore(world: World, life: Life, store: MemoryStore): Store {
  const { weather, chance } = world;

  const write = async (effect: () => Promise<unknown>): Promise<unknown> => {
    const trouble = weather.strikes(weather.storeTrouble)
      ? chance.pick(["refused", "answer_lost"] as const)
      : weather.isDiskFull
        ? "full"
        : null;
    const slow = weather.strikes(0.03) ? chance.between(100, 3_000) : chance.between(0, 2);
    if (trouble === "refused" || trouble === "full") {
      return life.call(slow, 0, () => {
        throw trouble === "full" ? diskFull("simulated") : storeBusy("simulated: the store is busy");
      });
    }
    const answer = await life.call(slow, weather.strikes(0.1) ? chance.between(1, 500) : 0, effect);
    if (trouble === "answer_lost") throw storeBusy("simulated: the answer was lost");
    return answer;
  };
  const read = async (effect: () => Promise<unknown>): Promise<unknown> => {
    if (!weather.strikes(0.02)) return life.hold(effect());
    const isRefused = chance.happens(0.3);
    return life.call(chance.between(1, 1_000), 0, async () => {
      if (isRefused) throw storeBusy("simulated: the store is busy");
      return effect();
    });
  };

  return new Proxy<Store>(store, {
    get: (target, name) => {
      const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
      const pass = WRITES.has(String(name)) ? write : read;
      return async (...args: unknown[]) => pass(async () => method.apply(target, args));
    },
  });
}
