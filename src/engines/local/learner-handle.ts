import { EngineError } from "../engine-error.ts";
import type { Handle } from "../engine.ts";
import { type Claim, NONE, recordPrefix } from "./records.ts";

/** What the local engine needs to find a learner again, also after a restart of the service or of the machine. */
export interface LearnerHandle extends Claim {
  /** Of its records and its log. */
  readonly directory: string;
  readonly attempt: number;
}

/** One name on this machine for an attempt of a learner: the mark that its processes carry, and the key of what this process knows of it. */
export function learnerKey(learner: Pick<LearnerHandle, "directory" | "attempt">): string {
  return recordPrefix(learner.directory, learner.attempt);
}

export function gpusOf({ gpus }: Pick<Claim, "gpus">): readonly string[] {
  return gpus === NONE ? [] : gpus.split(",");
}

export function toHandle(learner: LearnerHandle): Handle {
  const { directory, attempt, pid, startTime, bootId, enclosure, gpus } = learner;
  return { directory, attempt, pid, startTime, bootId, enclosure, gpus };
}

export function fromHandle(handle: Handle): LearnerHandle {
  return {
    directory: text(handle, "directory"),
    attempt: number(handle, "attempt"),
    pid: number(handle, "pid"),
    startTime: number(handle, "startTime"),
    bootId: text(handle, "bootId"),
    // A handle of before there were enclosures has neither.
    enclosure: "enclosure" in handle ? text(handle, "enclosure") : NONE,
    gpus: "gpus" in handle ? text(handle, "gpus") : NONE,
  };
}

function text(handle: Handle, field: string): string {
  const value = handle[field];
  if (typeof value === "string" && value !== "") return value;
  throw foreignHandle(field, value);
}

/** A pid of 0 or less would mean whole groups of processes. */
function number(handle: Handle, field: string): number {
  const value = handle[field];
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
  throw foreignHandle(field, value);
}

function foreignHandle(field: string, value: unknown): EngineError {
  return new EngineError(
    `The local engine did not make this handle: its field '${field}' is ${JSON.stringify(value)}.`,
    { retryable: false },
  );
}
