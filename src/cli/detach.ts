import type { Trouble } from "../client/persist.ts";
import { detached } from "./cli-error.ts";
import { commandLine, say, type Context } from "./context.ts";

/** What to type to come back to a run, and to end it. */
export interface WaysBack {
  readonly follow: string;
  readonly stop: string;
}

/** Does something long about a run. Ctrl-C ends the waiting, never the run, and says so. */
export async function detachable<T>(
  context: Context,
  id: string,
  work: (signal: AbortSignal) => Promise<T>,
  back: WaysBack = { follow: commandLine(context, `logs -f ${id}`), stop: commandLine(context, `stop ${id}`) },
): Promise<T> {
  const controller = new AbortController();
  const release = context.io.onInterrupt(() => {
    const hint = `Follow it again: ${back.follow}   Stop it: ${back.stop}`;
    controller.abort(detached(`Detached; run ${id} goes on.`, hint));
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
