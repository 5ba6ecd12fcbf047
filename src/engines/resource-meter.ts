import type { Handle } from "./engine.ts";

/** What a learner's whole tree of processes uses. Counters begin with the learner; null where the machine does not tell. */
export interface ResourceUsage {
  /** Seconds of one core. */
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
  /** To and from devices, not caches. Of the processes that are alive now. */
  readonly diskReadBytes: number | null;
  readonly diskWrittenBytes: number | null;
  /** UUIDs of the GPUs that were granted to it. */
  readonly gpus: readonly string[];
}

/** An engine that can tell what its learners use. */
export interface ResourceMeter {
  /** Cheap enough for every few seconds. Null when the learner has ended, or cannot be looked at. */
  usageOf(handle: Handle): Promise<ResourceUsage | null>;
}
