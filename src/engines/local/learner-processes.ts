import { statSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as breathe } from "node:timers/promises";
import { type LearnerHandle, learnerKey } from "./learner-handle.ts";
import { hasEnvironmentEntry, isDead, isOpenOn, listPids, type ProcessStat, readProcess } from "./proc.ts";
import { MARK_VARIABLE } from "./shim.ts";
import { TRAINING_LOG } from "./training-log.ts";

/** After how many processes a look at all of them lets other work of the server run. */
const LOOK_SLICE = 256;
/** On a machine where others' processes come and go all the time, a look that is a little too short must do. */
const MOST_LOOKS = 5;

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

  /** `shimJustEnded`: the caller has this moment collected the shim itself, so nobody else can have its number yet. */
  constructor(learner: LearnerHandle, shimJustEnded: boolean) {
    this.#learner = learner;
    this.#mark = `${MARK_VARIABLE}=${learnerKey(learner)}`;
    this.#sessionIsOurs = shimJustEnded;
  }

  /**
   * Nobody is found only when nobody vanished during the look either: a process that forks and ends, over and over, is
   * otherwise gone when it is looked at, and its successor was not there when they were listed.
   */
  async look(): Promise<readonly ProcessStat[]> {
    for (let looks = 1; ; looks++) {
      const { candidates, vanished } = await this.#startedSinceShim();
      const members = this.#membersAmong(candidates);
      if (members.length > 0 || vanished === 0 || looks === MOST_LOOKS) return members;
    }
  }

  #membersAmong(candidates: readonly ProcessStat[]): readonly ProcessStat[] {
    const numberHolder = readProcess(this.#learner.pid);
    const shimIsThere = numberHolder?.startTime === this.#learner.startTime;
    const members = new Map<number, ProcessStat>();
    let sessionLives = shimIsThere;
    for (const candidate of candidates) {
      const inSession = candidate.session === this.#learner.pid || candidate.group === this.#learner.pid;
      const bySession = inSession && (shimIsThere || (numberHolder === null && this.#isOurSession(candidate)));
      if (bySession) sessionLives = true;
      if (bySession || hasEnvironmentEntry(candidate.pid, this.#mark)) members.set(candidate.pid, candidate);
    }
    this.#sessionIsOurs = sessionLives;
    addDescendants(members, candidates);
    return [...members.values()];
  }

  #isOurSession(candidate: ProcessStat): boolean {
    if (this.#sessionIsOurs) return true;
    const log = statSync(join(this.#learner.directory, TRAINING_LOG), { throwIfNoEntry: false });
    return log !== undefined && (isOpenOn(candidate.pid, 1, log) || isOpenOn(candidate.pid, 2, log));
  }

  async #startedSinceShim(): Promise<{ candidates: readonly ProcessStat[]; vanished: number }> {
    const candidates: ProcessStat[] = [];
    let looked = 0;
    let vanished = 0;
    for (const pid of listPids()) {
      if (++looked % LOOK_SLICE === 0) await breathe();
      if (pid === process.pid || pid === this.#learner.pid) continue;
      const candidate = readProcess(pid);
      if (candidate === null) vanished++;
      else if (!isDead(candidate) && candidate.startTime >= this.#learner.startTime) candidates.push(candidate);
    }
    return { candidates, vanished };
  }
}

function addDescendants(members: Map<number, ProcessStat>, candidates: readonly ProcessStat[]): void {
  let before: number;
  do {
    before = members.size;
    for (const candidate of candidates) if (members.has(candidate.parent)) members.set(candidate.pid, candidate);
  } while (members.size > before);
}
