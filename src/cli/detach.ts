import type { Trouble } from "../client/persist.ts";
import { detached } from "./cli-error.ts";
import { commandLine, say, type Context } from "./context.ts";

/** Does something long about a run. Ctrl-C ends the waiting, never the run, and says so. */
export async function detachable<T>(
  context: Context,
  id: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const release = context.io.onInterrupt(() => {
    const back = commandLine(context, `logs -f ${id}`);
    const stop = commandLine(context, `stop ${id}`);
    controller.abort(detached(`Detached; run ${id} goes on.`, `Follow it again: ${back}   Stop it: ${stop}`));
  });
  try {
    return await work(controller.signal);
  } finally {
    release();
  }
}

/** Says that a connection was lost and when the next try is. */
export function sayRetry(context: Context): (trouble: Trouble) => void {
  return ({ error, delayMs }) => {
    const seconds = (delayMs / 1000).toFixed(1);
    // Nothing waits for this line: when stderr is closed there is nobody to tell.
    say(context, `${error.message} Trying again in ${seconds} s.`).catch(() => {});
  };
}
