import { kill } from "../../base/world-processes.ts";
import type { Clock } from "../../base/clock.ts";
import { EngineError } from "../engine-error.ts";
import type { LearnerHandle } from "./learner-handle.ts";
import type { LearnerProcesses } from "./learner-processes.ts";
import type { Enclosure } from "./process-tracker.ts";
import { isDead, type ProcessStat, readProcess } from "./proc.ts";

const PAUSE_MS = { shortest: 1, longest: 50 };
/** How long killed processes may take to be gone before one of them is reported as staying. */
const KILL_PATIENCE_MS = 10_000;
/** How long the shim, alone by then, may take to write the end record. */
const SHIM_PATIENCE_MS = 5_000;
const REMOVAL_PATIENCE_MS = 1_000;

/** Whether the shim itself still runs. Its pid alone says nothing: it may be somebody else's by now. */
export function isShimAlive(learner: LearnerHandle): boolean {
  const shim = readProcess(learner.pid);
  return shim !== null && shim.startTime === learner.startTime && !isDead(shim);
}

/**
 * Asks the processes to end, once, and waits until none is left or the deadline has come; the deadline may be moved meanwhile.
 * Those born later are not asked: they may be what a program starts to save its work. A shim without processes is about to
 * start the command, or about to end.
 */
export async function askToEnd(
  learner: LearnerHandle,
  processes: LearnerProcesses,
  deadlineMs: () => number,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const pause = growingPause(clock);
  let isAsked = false;
  while (clock.monotonicMs() < deadlineMs()) {
    signal.throwIfAborted();
    const { isGone, members } = await whatIsLeft(learner, processes);
    if (isGone) return;
    if (!isAsked && members.length > 0) {
      request(learner, members);
      isAsked = true;
    }
    await pause(deadlineMs() - clock.monotonicMs());
  }
}

/**
 * The shim's group at one stroke, so that nobody in it is born unasked; the shim takes that and stays. The others one by one.
 * A stopped process takes the request only once it goes on.
 */
function request(learner: LearnerHandle, members: readonly ProcessStat[]): void {
  const inGroup = members.find(({ group }) => group === learner.pid);
  // While one of ours is in the group, nobody else can have its number.
  if (inGroup !== undefined) send(inGroup, ["SIGTERM", "SIGCONT"], -learner.pid);
  for (const member of members) if (member.group !== learner.pid) send(member, ["SIGTERM", "SIGCONT"]);
}

/**
 * Kills what is left of a learner, its enclosure at one stroke and then what has left that, and lets the shim record the end. Resolves
 * when nothing is left; rejects naming the process that cannot be killed. In rounds, since the shim may be about to start the command, and a process may have forked
 * between the look and the signal.
 */
export async function sweep(
  learner: LearnerHandle,
  processes: LearnerProcesses,
  enclosure: Enclosure | null,
  clock: Clock,
): Promise<void> {
  const startedMs = clock.monotonicMs();
  const pause = growingPause(clock);
  let shimAloneSinceMs = startedMs;
  for (;;) {
    await enclosure?.killAllBut(isShimAlive(learner) ? learner.pid : null);
    // Held the moment they are found, since some live for a millisecond; killed together, so that none sees another's end.
    const { isGone, members } = await whatIsLeft(learner, processes, (member) => send(member, ["SIGSTOP"]));
    if (isGone) return;
    for (const member of members) send(member, ["SIGKILL"]);
    const nowMs = clock.monotonicMs();
    if (nowMs - startedMs >= KILL_PATIENCE_MS) throw staysAlive(learner, members[0] ?? readProcess(learner.pid));
    if (members.length > 0) shimAloneSinceMs = nowMs;
    // It may have been stopped together with its group.
    send(learner, nowMs - shimAloneSinceMs < SHIM_PATIENCE_MS ? ["SIGCONT"] : ["SIGKILL"]);
    await pause();
  }
}

/** A process that has just died keeps its place for a moment. One that outlasts the patience goes with the next start of a server. */
export async function removeWhenEmpty(enclosure: Enclosure, clock: Clock): Promise<void> {
  const deadlineMs = clock.monotonicMs() + REMOVAL_PATIENCE_MS;
  const pause = growingPause(clock);
  while (!(await enclosure.remove()) && clock.monotonicMs() < deadlineMs) await pause();
}

async function whatIsLeft(learner: LearnerHandle, processes: LearnerProcesses, meet?: (member: ProcessStat) => void) {
  // The shim first: once it is dead, only processes that the look finds can bring forth others.
  const isShimDead = !isShimAlive(learner);
  const members = await processes.look(meet);
  return { members, isGone: isShimDead && members.length === 0 };
}

/** Only to exactly this process, looked at again right before, since its pid may have been given to another; or to its group. */
function send(
  target: Pick<ProcessStat, "pid" | "startTime">,
  signals: readonly NodeJS.Signals[],
  address: number = target.pid,
): void {
  if (readProcess(target.pid)?.startTime !== target.startTime) return;
  try {
    for (const signal of signals) kill(address, signal);
  } catch {
    // ESRCH: it has just ended. EPERM: it runs as another account; the deadline of the caller reports it by name.
  }
}

function growingPause(clock: Clock): (atMostMs?: number) => Promise<void> {
  let ms = PAUSE_MS.shortest;
  return async (atMostMs = PAUSE_MS.longest) => {
    await clock.sleep(Math.max(0, Math.min(ms, atMostMs)));
    ms = Math.min(ms * 2, PAUSE_MS.longest);
  };
}

function staysAlive(learner: LearnerHandle, process: ProcessStat | null): EngineError {
  const which = process === null ? `the shim ${learner.pid}` : `process ${process.pid} (${process.name})`;
  const why = process?.state === "D" ? ", since it waits in the kernel for a device or a file system" : "";
  return new EngineError(
    `The learner of ${learner.directory} is not gone: ${which} does not end after SIGKILL${why}.`,
    { retryable: true, holder: which },
  );
}
