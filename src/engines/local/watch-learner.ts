import { type FSWatcher, watch } from "node:fs";
import type { Clock } from "../../base/clock.ts";
import type { StartedShim } from "./start.ts";

/** How often a learner that another process has started is looked at: its record wakes us, its sudden death does not. */
const LIVENESS_MS = 1_000;

export interface LearnerWatch extends Disposable {
  /** Resolves when it is worth looking at the learner again; at once when something happened since the last call. */
  changed(): Promise<void>;
}

/**
 * Wakes its caller when a learner may have ended: by the end of its shim, where that is our own child, else by a change
 * in its directory, and by the clock for a shim that was killed without leaving a record. `changed` rejects on abort.
 */
export function watchLearner(
  directory: string,
  child: StartedShim | undefined,
  clock: Clock,
  signal: AbortSignal,
): LearnerWatch {
  return child === undefined ? watchDirectory(directory, clock, signal) : watchChild(child, signal);
}

function watchChild(child: StartedShim, signal: AbortSignal): LearnerWatch {
  const held = child.hold();
  const aborted = Promise.withResolvers<void>();
  const abort = () => aborted.resolve();
  signal.addEventListener("abort", abort, { once: true });
  return {
    changed: async () => {
      await Promise.race([child.ended, aborted.promise]);
      signal.throwIfAborted();
    },
    [Symbol.dispose]: () => {
      signal.removeEventListener("abort", abort);
      held[Symbol.dispose]();
    },
  };
}

function watchDirectory(directory: string, clock: Clock, signal: AbortSignal): LearnerWatch {
  let happened = Promise.withResolvers<void>();
  const watcher = tryWatch(directory, () => happened.resolve());
  return {
    changed: async () => {
      const rest = new AbortController();
      const timer = clock.sleep(LIVENESS_MS, AbortSignal.any([signal, rest.signal])).catch(() => undefined);
      await Promise.race([happened.promise, timer]);
      rest.abort();
      happened = Promise.withResolvers();
      signal.throwIfAborted();
    },
    [Symbol.dispose]: () => watcher?.close(),
  };
}

/** A machine that has run out of watches, or a directory that is gone, leaves the slow look alone, which needs neither. */
function tryWatch(directory: string, onChange: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(directory, { persistent: false }, onChange);
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}
