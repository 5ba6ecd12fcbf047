import { runAlreadyEnded } from "../domain/errors.ts";
import { advance, amend, type Run } from "../domain/run.ts";
import { isTerminal } from "../domain/run-state.ts";
import type { RunUpdate } from "./run-book.ts";

/**
 * The run with the wish to stop. One that still waits is ended by the same write: a wish and an end apart could be
 * torn asunder by a crash or a full disk, and the run would wait for ever.
 */
export function withStopRequest(run: Run, graceMs: number, account: string, now: Date): RunUpdate {
  if (isTerminal(run.state)) throw runAlreadyEnded(run.id, run.state);
  const wish = { stopRequestedAt: run.stopRequestedAt ?? now, stopGraceMs: graceMs };
  const asked = { type: "stop_requested", message: `${account} asked to stop it, with ${graceMs / 1000} s of grace.` };
  if (run.state !== "pending") return { run: amend(run, now, wish), events: [asked] };
  const ended = { type: "state", message: "Stopped while it waited; nothing had been started." };
  return { run: advance(run, "canceled", now, wish), events: [asked, ended] };
}
