import type { Clock } from "../../base/clock.ts";
import { EngineError } from "../engine-error.ts";
import type { LearnerHandle } from "./learner-handle.ts";
import type { LearnerProcesses } from "./learner-processes.ts";
import { isDead, type ProcessStat, readProcess } from "./proc.ts";

const PAUSE_MS = { shortest: 1, longest: 50 };
/** How long killed processes may take to be gone before one of them is reported as staying. */
const KILL_PATIENCE_MS = 10_000;
/** How long the shim, alone by then, may take to write the end record. */
const SHIM_PATIENCE_MS = 5_000;

/** Whether the shim itself still runs. Its pid alone says nothing: it may be somebody else's by now. */
export function isShimAlive(learner: LearnerHandle): boolean {
  const shim = readProcess(learner.pid);
  return shim !== null && shim.startTime === learner.startTime && !isDead(shim);
}

/**
 * Asks the processes to end, once, and waits until none is left or the deadline has come; the deadline may be moved meanwhile.
 * Those born later are not asked: they may be what a program starts to save its work.
 */
export async function askToEnd(
  learner: LearnerHandle,
  processes: LearnerProcesses,
  deadlineMs: () => number,
  clock: Clock,
): Promise<void> {
  if (clock.monotonicMs() >= deadlineMs()) return;
  let members = await processes.look();
  request(learner, members);
  const pause = growingPause(clock);
  while (members.length > 0 && clock.monotonicMs() < deadlineMs()) {
    await pause(deadlineMs() - clock.monotonicMs());
    members = await processes.look();
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
 * Kills what is left of a learner and lets the shim record the end. Resolves when nothing is left; rejects naming the
 * process that cannot be killed.
 */
export async function sweep(learner: LearnerHandle, processes: LearnerProcesses, clock: Clock): Promise<void> {
  await killMembers(learner, processes, clock);
  if (!isShimAlive(learner)) return;
  // It may have been stopped together with its group.
  send(learner, ["SIGCONT"]);
  if (!(await shimEnds(learner, clock))) {
    send(learner, ["SIGKILL"]);
    if (!(await shimEnds(learner, clock))) throw staysAlive(learner, readProcess(learner.pid));
  }
  // The shim may have started the command after the last look.
  await killMembers(learner, processes, clock);
}

/** In rounds, since a process may have forked between the look and the signal. */
async function killMembers(learner: LearnerHandle, processes: LearnerProcesses, clock: Clock): Promise<void> {
  const deadlineMs = clock.monotonicMs() + KILL_PATIENCE_MS;
  const pause = growingPause(clock);
  for (;;) {
    const members = await processes.look();
    if (members.length === 0) return;
    if (clock.monotonicMs() >= deadlineMs) throw staysAlive(learner, members[0] ?? null);
    for (const member of members) send(member, ["SIGKILL"]);
    await pause();
  }
}

async function shimEnds(learner: LearnerHandle, clock: Clock): Promise<boolean> {
  const deadlineMs = clock.monotonicMs() + SHIM_PATIENCE_MS;
  const pause = growingPause(clock);
  while (isShimAlive(learner)) {
    if (clock.monotonicMs() >= deadlineMs) return false;
    await pause();
  }
  return true;
}

/** Only to exactly this process, looked at again right before, since its pid may have been given to another; or to its group. */
function send(
  target: Pick<ProcessStat, "pid" | "startTime">,
  signals: readonly NodeJS.Signals[],
  address: number = target.pid,
): void {
  if (readProcess(target.pid)?.startTime !== target.startTime) return;
  try {
    for (const signal of signals) process.kill(address, signal);
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
    { retryable: true },
  );
}
