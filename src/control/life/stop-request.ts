import { runAlreadyEnded } from "../../domain/errors.ts";
import { advance, amend, type Run } from "../../domain/run.ts";
import { isTerminal } from "../../domain/run-state.ts";
import type { Engine, Handle } from "../../engines/engine.ts";
import { isDecided } from "./endings.ts";
import type { RunUpdate } from "../run/run-book.ts";
import { learnerDirectory, learnersOf, runDirectory } from "../run/run-directory.ts";

/**
 * The run with the wish to stop. One that still waits is ended by the same write: a wish and an end apart could be
 * torn asunder by a crash or a full disk, and the run would wait for ever. `cameTooLate` says that the program had
 * ended before anybody was asked to stop it: then no grace is written, and the run keeps the outcome that it has.
 */
export function withStopRequest(
  run: Run,
  graceMs: number,
  account: string,
  now: Date,
  cameTooLate: boolean,
): RunUpdate {
  if (isTerminal(run.state)) throw runAlreadyEnded(run.id, run.state);
  const grace = cameTooLate ? run.stopGraceMs : graceMs;
  const wish = { stopRequestedAt: run.stopRequestedAt ?? now, stopGraceMs: grace };
  const asked = { type: "stop_requested", message: `${account} asked to stop it, with ${graceMs / 1000} s of grace.` };
  if (run.state !== "pending") return { run: amend(run, now, wish), events: [asked] };
  if (run.pastAttempts.length > 0) {
    const message = "Stopped while it waited for its next attempt. Storing the logs of those before.";
    const change = { ...wish, outcome: { state: "canceled" } } as const;
    return { run: advance(run, "storing", now, change), events: [asked, { type: "state", message }] };
  }
  const ended = { type: "state", message: "Stopped while it waited; nothing had been started." };
  return { run: advance(run, "canceled", now, wish), events: [asked, ended] };
}

/**
 * Whether the program has ended by itself and only nobody has told of it yet. Asked before the wish to stop is written,
 * and so before any signal is sent: no clock has to say which came first. When it cannot be told, it has not ended.
 */
export async function hasEndedBefore(
  engine: Pick<Engine, "find" | "observe">,
  home: string,
  run: Run,
): Promise<boolean> {
  try {
    const handles = await handlesOf(engine, home, run);
    if (handles.length < run.spec.learners) return false;
    return isDecided(await Promise.all(handles.map(async (handle) => engine.observe(handle))));
  } catch {
    return false;
  }
}

/** Of those that have started: they may run, and even have ended, before the run's row says so. */
async function handlesOf(engine: Pick<Engine, "find">, home: string, run: Run): Promise<readonly Handle[]> {
  if (run.state === "running") return run.handles;
  if (run.state !== "downloading") return [];
  const directory = runDirectory(home, run.id);
  const found = await Promise.all(
    learnersOf(run).map(async (learner) => engine.find(learnerDirectory(directory, learner), run.attempt)),
  );
  return found.filter((handle) => handle !== undefined);
}
