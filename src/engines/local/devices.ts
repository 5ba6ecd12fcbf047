import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import type { Device } from "../../domain/device.ts";

export interface DeviceSearch {
  /** How many slots; null for as many as cores, and at least 4, so that every size of a manifest can run. */
  readonly cpuSlots: number | null;
  /** Where `nvidia-smi` is looked for (PATH) and what it sees; the service's own environment when left out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const LEAST_CPU_SLOTS = 4;
/** A driver that starts up, or hangs, can keep `nvidia-smi` for long. */
const QUERY_TIMEOUT_MS = 20_000;
const QUERY = ["--query-gpu=index,uuid,name", "--format=csv,noheader"];

/**
 * What this machine can grant: its NVIDIA GPUs, none when `nvidia-smi` is missing, fails or knows of none, and behind
 * them CPU slots, for runs that want no GPU or find none here.
 */
export async function findDevices(search: DeviceSearch): Promise<readonly Device[]> {
  const gpus = await findGpus(search.env ?? process.env);
  return [...gpus, ...cpuSlots(search.cpuSlots ?? Math.max(LEAST_CPU_SLOTS, availableParallelism()))];
}

async function findGpus(env: Readonly<Record<string, string | undefined>>): Promise<readonly Device[]> {
  try {
    const { stdout } = await promisify(execFile)("nvidia-smi", QUERY, { env, timeout: QUERY_TIMEOUT_MS });
    return stdout.split("\n").flatMap(parseGpu);
  } catch {
    // Not there, or there without a working driver: for this machine that is the same as having no GPU.
    return [];
  }
}

/** A line such as `0, GPU-8f0e…, NVIDIA H200`; anything else, such as a warning of the driver, is no GPU. */
function parseGpu(line: string): readonly Device[] {
  const match = /^(\d+), (GPU-[^,\s]+), (.+?)\s*$/.exec(line);
  if (match === null) return [];
  const [, index, uuid = null, name = "NVIDIA GPU"] = match;
  return [{ id: `gpu-${index}`, kind: "nvidia", name, uuid }];
}

function cpuSlots(count: number): readonly Device[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `cpu-${index}`,
    kind: "cpu_slot",
    name: "CPU slot",
    uuid: null,
  }));
}
