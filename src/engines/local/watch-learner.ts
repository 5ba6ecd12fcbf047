import { type FSWatcher, watch } from "node:fs";
import { type LearnerHandle, learnerKey } from "./learner-handle.ts";
import { endRecord } from "./records.ts";
import type { ShimLiveness } from "./shim-liveness.ts";
import type { StartedShim } from "./start.ts";

export interface LearnerWatch extends Disposable {
  /** Resolves when it is worth looking at the learner again; at once when something happened since the last call. */
  changed(): Promise<void>;
}

/**
 * Wakes its caller when a learner may have ended: by the end of its shim, where that is our own child; else by a change of
 * its end record, and by the looks at all of them for a shim that was killed before it could write one. `changed` rejects on abort.
 */
export function watchLearner(
  learner: LearnerHandle,
  child: StartedShim | undefined,
  liveness: ShimLiveness,
  signal: AbortSignal,
): LearnerWatch {
  return child === undefined ? watchRecord(learner, liveness, signal) : watchChild(child, signal);
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

function watchRecord(learner: LearnerHandle, liveness: ShimLiveness, signal: AbortSignal): LearnerWatch {
  let next = Promise.withResolvers<void>();
  const wake = (): void => next.resolve();
  const watcher = tryWatch(endRecord(learnerKey(learner)), wake);
  const looks = liveness.watch(learner, wake);
  signal.addEventListener("abort", wake, { once: true });
  return {
    changed: async () => {
      await next.promise;
      signal.throwIfAborted();
      next = Promise.withResolvers<void>();
    },
    [Symbol.dispose]: () => {
      signal.removeEventListener("abort", wake);
      looks[Symbol.dispose]();
      watcher?.close();
    },
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
