import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Clock } from "../../base/clock.ts";
import { EngineError } from "../engine-error.ts";
import { readProcess } from "./proc.ts";

/** How long the driver may take to let go of a dead process before its device counts as held. It writes back and frees gigabytes. */
const RELEASE_PATIENCE_MS = 10_000;
const PAUSE_MS = { shortest: 20, longest: 1_000 };
/** A driver that hangs keeps `nvidia-smi` for ever. */
const QUERY_TIMEOUT_MS = 20_000;
const QUERY = ["--query-compute-apps=pid,gpu_uuid", "--format=csv,noheader"];

/** Which process uses which GPU, as the driver sees it: also one that is dead to everybody else and still holds its memory. */
export type DeviceUse = () => Promise<readonly { readonly pid: number; readonly gpu: string }[]>;

/** Asks `nvidia-smi` of this PATH; of the service's own when left out. Rejects when the driver does not answer. */
export function askNvidiaDriver(env: Readonly<Record<string, string | undefined>> = process.env): DeviceUse {
  return async () => {
    const { stdout } = await promisify(execFile)("nvidia-smi", QUERY, { env, timeout: QUERY_TIMEOUT_MS });
    return stdout.split("\n").flatMap(parseUse);
  };
}

/** A line such as `4711, GPU-8f0e…`; anything else, such as a warning of the driver, is no use of a GPU. */
function parseUse(line: string): readonly { pid: number; gpu: string }[] {
  const match = /^(\d+), (\S+)\s*$/.exec(line);
  return match === null ? [] : [{ pid: Number(match[1]), gpu: match[2] ?? "" }];
}

/**
 * Waits until the driver knows of no process on these GPUs that can be the learner's. Those that are older than its shim are not: they
 * were there when the GPU was granted. Rejects naming who holds which GPU, or that the driver does not tell.
 */
export async function awaitRelease(
  gpus: readonly string[],
  shimStartTime: number,
  use: DeviceUse,
  clock: Clock,
): Promise<void> {
  if (gpus.length === 0) return;
  const deadlineMs = clock.monotonicMs() + RELEASE_PATIENCE_MS;
  for (let pauseMs = PAUSE_MS.shortest; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MS.longest)) {
    const obstacle = await findObstacle(gpus, shimStartTime, use);
    if (obstacle === null) return;
    if (clock.monotonicMs() >= deadlineMs) throw obstacle;
    await clock.sleep(pauseMs);
  }
}

async function findObstacle(gpus: readonly string[], since: number, use: DeviceUse): Promise<EngineError | null> {
  try {
    const holder = (await use()).find(({ pid, gpu }) => gpus.includes(gpu) && !isOlder(pid, since));
    if (holder === undefined) return null;
    const name = readProcess(holder.pid)?.name ?? "which is no longer listed by the kernel";
    const who = `process ${holder.pid} (${name})`;
    return new EngineError(`GPU ${holder.gpu} is still held by ${who}.`, { retryable: true, holder: who });
  } catch (cause) {
    const message = `Whether ${gpus.join(", ")} are free cannot be told, since nvidia-smi failed.`;
    return new EngineError(message, { retryable: true, cause });
  }
}

function isOlder(pid: number, since: number): boolean {
  const holder = readProcess(pid);
  return holder !== null && holder.startTime < since;
}
