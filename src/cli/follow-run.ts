import type { Client } from "../client/client.ts";
import { followLog } from "../client/follow-log.ts";
import { waitForEnd } from "../client/wait-for-run.ts";
import { hasEnded } from "../contract/run-states.ts";
import type { RunView } from "../contract/run.ts";
import { say, type Context } from "./context.ts";
import { sayRetry } from "./detach.ts";
import { describeProgress } from "./outcome.ts";

/** Null at the end of the log. */
export type PrintLog = (bytes: Uint8Array | null) => Promise<void>;

export interface FollowHow {
  readonly learner: number;
  /** Only this attempt's; left out: the present one's and those that follow. */
  readonly attempt?: number | undefined;
  /** Where to begin, in bytes. */
  readonly offset?: number;
  /** Left out: every byte as it is. */
  readonly print?: PrintLog;
  /** Told of the run as it is at first, and after every change. */
  readonly onChange?: ((run: RunView) => void) | undefined;
  readonly signal: AbortSignal;
}

/** Prints a run's log to its last byte, and tells meanwhile of the run's changes: before it runs there is no log. */
export async function printLogToEnd(context: Context, client: Client, id: string, how: FollowHow): Promise<void> {
  const {
    onChange,
    print = async (bytes) => (bytes === null ? undefined : context.io.stdout.write(bytes)),
    ...log
  } = how;
  const onEmptied = (): void =>
    void say(context, "The program has emptied its log; what follows is another beginning.").catch(() => {});
  const over = new AbortController();
  const signal = AbortSignal.any([how.signal, over.signal]);
  // What goes wrong with it goes wrong with the log as well, which tells of it: told once is enough.
  const watching = onChange === undefined ? null : waitForEnd(client, id, { signal, onChange }).catch(() => null);
  try {
    for await (const bytes of followLog(client, id, { ...log, onEmptied, onRetry: sayRetry(context) })) {
      await print(bytes);
    }
  } finally {
    over.abort();
    await watching;
  }
}

/** Says on stderr, once each, what a run does and what it waits for. */
export function sayChanges(context: Context): (run: RunView) => void {
  let said = "";
  return (run) => {
    const progress = describeProgress(run);
    if (progress === said) return;
    said = progress;
    // Nothing waits for this line: when stderr is closed there is nobody to tell.
    say(context, progress).catch(() => {});
  };
}

/** The same beside a log: that a run is running, or has ended, is only news where it was said to wait before. */
export function sayChangesBesideLog(context: Context): (run: RunView) => void {
  const sayChange = sayChanges(context);
  let hasSaid = false;
  return (run) => {
    if (!hasSaid && (run.state === "running" || hasEnded(run))) return;
    hasSaid = true;
    sayChange(run);
  };
}
