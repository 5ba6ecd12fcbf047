import { statSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as breathe } from "node:timers/promises";
import { type LearnerHandle, learnerKey } from "./learner-handle.ts";
import { isDead, isOpenOn, listPids, type ProcessStat, readEnvironment, readProcess } from "./proc.ts";
import { MARK_VARIABLE } from "./shim.ts";
import { TRAINING_LOG } from "./training-log.ts";

/** After how many processes a look at all of them lets other work of the server run. */
const LOOK_SLICE = 256;
/** On a machine where others' processes come and go all the time, a look that missed some must do. */
const MOST_LOOKS = 16;
/** Numbers are given out in order: where a process has ended, its child is likely among the next so many. */
const CHASE = 8;

/**
 * The living processes of one learner, its shim apart. A process is one of them when
 *
 * - it is in the shim's session or group; or
 * - its environment holds the attempt's mark, which survives `setsid`, double forks, `nohup` and new names; or
 * - its parent is one of them.
 *
 * None can have started before the shim. A program that empties its environment, leaves the session and lets its parent die,
 * all three, is not found: that takes a cgroup.
 *
 * The number of a session is given to nobody else while a process is in it, and to anybody afterwards. So it counts by itself only
 * as long as the session was never seen empty; after that a process in it must also write to the learner's log.
 */
export class LearnerProcesses {
  readonly #learner: LearnerHandle;
  readonly #mark: string;
  #sessionIsOurs: boolean;
  /**
   * Processes that tell nothing and do not go away: dead ones that nobody collects, live ones with an empty environment. In the
   * first look they may have ended, or become another program, only just now; in a later one they have nothing to hide.
   */
  readonly #silent = new Set<string>();

  /** `shimJustEnded`: the caller has this moment collected the shim itself, so nobody else can have its number yet. */
  constructor(learner: LearnerHandle, shimJustEnded: boolean) {
    this.#learner = learner;
    this.#mark = `\0${MARK_VARIABLE}=${learnerKey(learner)}\0`;
    this.#sessionIsOurs = shimJustEnded;
  }

  /**
   * All that are alive now, by their numbers; each is given to `meet` the moment it is found. A look that found nobody is repeated when it missed
   * some: a process that forks and ends, over and over, may be dead when its turn comes, and its child was not there to be listed.
   */
  async look(meet: (member: ProcessStat) => void = () => undefined): Promise<readonly ProcessStat[]> {
    for (let looks = 1; ; looks++) {
      const { members, missed } = await this.#lookOnce(meet);
      if (members.length > 0 || missed === 0 || looks === MOST_LOOKS) return members;
    }
  }

  async #lookOnce(meet: (member: ProcessStat) => void) {
    const isInSession = this.#startJudgingSessions();
    const members = new Map<number, ProcessStat>();
    const others = new Map<number, ProcessStat>();
    let missed = 0;
    await forEachProcess((candidate) => {
      if (candidate === null || this.#hasJustEnded(candidate)) {
        missed++;
        return "ended";
      }
      if (!this.#canBeOurs(candidate) || members.has(candidate.pid)) return "there";
      const isOurs = isInSession(candidate) || this.#carriesMark(candidate);
      if (isOurs === null && this.#isNewlySilent(candidate)) missed++;
      if (isOurs === true) meet(candidate);
      (isOurs === true ? members : others).set(candidate.pid, candidate);
      return "there";
    });
    for (const descendant of descendantsOf(members, others)) meet(descendant);
    return { members: [...members.values()].sort((one, other) => one.pid - other.pid), missed };
  }

  #hasJustEnded(candidate: ProcessStat): boolean {
    const isYounger = candidate.startTime >= this.#learner.startTime && candidate.pid !== this.#learner.pid;
    return isYounger && isDead(candidate) && this.#isNewlySilent(candidate);
  }

  #isNewlySilent({ pid, startTime }: ProcessStat): boolean {
    const before = this.#silent.size;
    return this.#silent.add(`${pid} ${startTime}`).size > before;
  }

  #canBeOurs(candidate: ProcessStat): boolean {
    if (candidate.isKernelThread || isDead(candidate)) return false;
    if (candidate.pid === process.pid || candidate.pid === this.#learner.pid) return false;
    return candidate.startTime >= this.#learner.startTime;
  }

  #carriesMark(candidate: ProcessStat): boolean | null {
    return readEnvironment(candidate.pid)?.includes(this.#mark) ?? null;
  }

  #startJudgingSessions(): (candidate: ProcessStat) => boolean {
    const { pid, startTime, directory } = this.#learner;
    const holder = readProcess(pid);
    const shimIsThere = holder?.startTime === startTime;
    const wasOurs = this.#sessionIsOurs;
    const log = statSync(join(directory, TRAINING_LOG), { throwIfNoEntry: false });
    const writesLog = (by: number) => log !== undefined && (isOpenOn(by, 1, log) || isOpenOn(by, 2, log));
    this.#sessionIsOurs = shimIsThere;
    return (candidate) => {
      if (candidate.session !== pid && candidate.group !== pid) return false;
      const isOurs = shimIsThere || (holder === null && (wasOurs || writesLog(candidate.pid)));
      if (isOurs) this.#sessionIsOurs = true;
      return isOurs;
    };
  }
}

/** Gives each process there is to `consider`, and null for each that was listed and has vanished before its turn. */
async function forEachProcess(consider: (process: ProcessStat | null) => "ended" | "there"): Promise<void> {
  let looked = 0;
  // The newest first: they are the likeliest to be gone soon.
  for (const pid of listPids().reverse()) {
    if (++looked % LOOK_SLICE === 0) await breathe();
    if (consider(readProcess(pid)) === "there") continue;
    for (let successor = pid + 1; successor <= pid + CHASE; successor++) {
      const born = readProcess(successor);
      if (born !== null) consider(born);
    }
  }
}

/** Moves from `others` to `members` whose parent is a member, until there is none. */
function descendantsOf(members: Map<number, ProcessStat>, others: Map<number, ProcessStat>): readonly ProcessStat[] {
  const found = [...others.values()].filter(({ parent }) => members.has(parent));
  for (const descendant of found) {
    others.delete(descendant.pid);
    members.set(descendant.pid, descendant);
  }
  return found.length === 0 ? found : [...found, ...descendantsOf(members, others)];
}
