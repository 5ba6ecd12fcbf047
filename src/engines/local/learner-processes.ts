import { statSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as breathe } from "node:timers/promises";
import { type LearnerHandle, learnerKey } from "./learner-handle.ts";
import {
  isDead,
  isOpenOn,
  isThere,
  listPids,
  type ProcessStat,
  readEnvironment,
  readLastPid,
  readProcess,
  readUptimeTicks,
} from "./proc.ts";
import type { Enclosure } from "./process-tracker.ts";
import { MARK_VARIABLE } from "./shim.ts";
import { TRAINING_LOG } from "./training-log.ts";

/** After how many processes a look at all of them lets other work of the server run. */
const LOOK_SLICE = 256;
/** On a machine where others' processes come and go all the time, a look that missed some must do. */
const MOST_LOOKS = 16;
/** Numbers are given out in order: where a process has ended, its child is likely among the next so many. */
const CHASE = 8;
/** In this time no machine gives all its process numbers away and comes round. */
const YOUNG_TICKS = 100;

/**
 * The living processes of one learner, its shim apart. A process is one of them when
 *
 * - it is in the attempt's enclosure (`process-tracker.ts`), where this machine can make one; or
 * - it is in the shim's session or group; or
 * - its environment holds the attempt's mark, which survives `setsid`, double forks, `nohup` and new names; or
 * - its parent is one of them.
 *
 * None can have started before the shim. A program that empties its environment, leaves the session and lets its parent die, all three, is
 * found by its enclosure alone; as root it can leave that too, which makes four.
 *
 * The enclosure answers at once; looking at every process there is takes milliseconds. So where it is empty and the shim is young, as after most
 * trivial runs, only those that are younger still are looked at.
 *
 * The number of a session is given to nobody else while a process is in it, and to anybody afterwards. So it counts by itself only
 * as long as the session was never seen empty; after that a process in it must also write to the learner's log.
 */
export class LearnerProcesses {
  readonly #learner: LearnerHandle;
  readonly #enclosure: Enclosure | null;
  readonly #mark: string;
  #sessionIsOurs: boolean;
  /**
   * Processes that tell nothing and do not go away: dead ones that nobody collects, live ones with an empty environment. In the
   * first look they may have ended, or become another program, only just now; in a later one they have nothing to hide.
   */
  readonly #silent = new Set<string>();

  /** `shimJustEnded`: the caller has this moment collected the shim itself, so nobody else can have its number yet. */
  constructor(learner: LearnerHandle, enclosure: Enclosure | null, shimJustEnded: boolean) {
    this.#learner = learner;
    this.#enclosure = enclosure;
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
    const members = new Map(this.#enclosed().map((member) => [member.pid, member] as const));
    const others = new Map<number, ProcessStat>();
    let missed = 0;
    for (const member of members.values()) meet(member);
    const youngest = members.size === 0 ? this.#youngerThanShim() : null;
    await forEachProcess(youngest ?? listPids(), (candidate) => {
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

  #enclosed(): readonly ProcessStat[] {
    const members = this.#enclosure?.members().map(readProcess) ?? [];
    return members.filter((member) => member !== null).filter((member) => !isDead(member) && !this.#isApart(member));
  }

  /** The numbers given away since the shim got its own; null when they may have come round since, or no enclosure vouches for the rest. */
  #youngerThanShim(): number[] | null {
    const { pid, startTime } = this.#learner;
    const last = readLastPid();
    if (this.#enclosure === null || last === null || last < pid) return null;
    if (readUptimeTicks() - startTime > YOUNG_TICKS) return null;
    return listPids().filter((other) => other > pid);
  }

  /** The shim, which records the end, and this server, should it have been started by a program of its own. */
  #isApart({ pid }: ProcessStat): boolean {
    return pid === process.pid || pid === this.#learner.pid;
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
    return !this.#isApart(candidate) && candidate.startTime >= this.#learner.startTime;
  }

  #carriesMark(candidate: ProcessStat): boolean | null {
    return readEnvironment(candidate)?.includes(this.#mark) ?? null;
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

/** Gives each of the processes to `consider`, and null for each that was listed and has vanished before its turn. */
async function forEachProcess(
  pids: number[],
  consider: (process: ProcessStat | null) => "ended" | "there",
): Promise<void> {
  let looked = 0;
  // The newest first: they are the likeliest to be gone soon.
  for (const pid of pids.reverse()) {
    if (++looked % LOOK_SLICE === 0) await breathe();
    if (consider(readProcess(pid)) === "there") continue;
    for (let successor = pid + 1; successor <= pid + CHASE; successor++) {
      // Mostly there is none, and to ask costs a tenth of an opening that fails.
      const born = isThere(successor) ? readProcess(successor) : null;
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
