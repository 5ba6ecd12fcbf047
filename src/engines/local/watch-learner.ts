import { type FSWatcher, watch } from "node:fs";
import type { Clock } from "../../base/clock.ts";
import { type LearnerHandle, learnerKey } from "./learner-handle.ts";
import { endRecord } from "./records.ts";
import type { StartedShim } from "./start.ts";
import { isShimAlive } from "./termination.ts";

/** How often the shim of a learner that another process has started is looked at: its record wakes us, its sudden death does not. */
const LIVENESS_MS = 1_000;

export interface LearnerWatch extends Disposable {
  /** Resolves when it is worth looking at the learner again; at once when something happened since the last call. */
  changed(): Promise<void>;
}

/**
 * Wakes its caller when a learner may have ended: by the end of its shim, where that is our own child; else by a change of
 * its end record, and by the clock for a shim that was killed before it could write one. `changed` rejects on abort.
 */
export function watchLearner(
  learner: LearnerHandle,
  child: StartedShim | undefined,
  clock: Clock,
  signal: AbortSignal,
): LearnerWatch {
  return child === undefined ? watchRecord(learner, clock, signal) : watchChild(child, signal);
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

function watchRecord(learner: LearnerHandle, clock: Clock, signal: AbortSignal): LearnerWatch {
  const record = { isChanged: false, wake: new AbortController() };
  const watcher = tryWatch(endRecord(learnerKey(learner)), () => {
    record.isChanged = true;
    record.wake.abort();
  });
  return {
    changed: async () => {
      const either = AbortSignal.any([signal, record.wake.signal]);
      while (!record.isChanged && isShimAlive(learner)) {
        await clock.sleep(LIVENESS_MS, either).catch(() => undefined);
        signal.throwIfAborted();
      }
      record.isChanged = false;
      record.wake = new AbortController();
    },
    [Symbol.dispose]: () => watcher?.close(),
  };
}

/**
 * The record itself, not its directory, where every line of the log would be a change too. A machine that has run out of
 * watches, or a record that is gone, leaves the slow look alone.
 */
function tryWatch(path: string, onChange: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(path, { persistent: false }, onChange);
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}
