import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** What one GPU does now, whoever uses it; null where the driver does not tell. */
export interface GpuUsage {
  /** From 0 to 1. */
  readonly utilisation: number | null;
  readonly memoryBytes: number | null;
  readonly powerWatts: number | null;
}

/** A driver that hangs must not pile up calls. */
const QUERY_TIMEOUT_MS = 5000;
const QUERY = ["--query-gpu=uuid,utilization.gpu,memory.used,power.draw", "--format=csv,noheader,nounits"];
const MEBIBYTE = 1024 * 1024;

/** All GPUs of the machine by UUID, from one call of the driver's command; empty where it is missing or fails. */
export async function readGpuUsage(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<ReadonlyMap<string, GpuUsage>> {
  try {
    const { stdout } = await promisify(execFile)("nvidia-smi", QUERY, { env, timeout: QUERY_TIMEOUT_MS });
    return new Map(stdout.split("\n").flatMap(parseLine));
  } catch {
    // A curve that is not there says as much; the run has nothing to do with it.
    return new Map();
  }
}

/** `GPU-8f0e…, 37, 1024, 71.50`; what the driver does not know is `[N/A]`. */
function parseLine(line: string): readonly (readonly [string, GpuUsage])[] {
  const [uuid = "", utilisation, memory, power] = line.split(", ");
  if (!uuid.startsWith("GPU-")) return [];
  return [
    [
      uuid,
      {
        utilisation: scaled(utilisation, 1 / 100),
        memoryBytes: scaled(memory, MEBIBYTE),
        powerWatts: scaled(power, 1),
      },
    ],
  ];
}

function scaled(text: string | undefined, factor: number): number | null {
  const number = Number.parseFloat(text ?? "");
  return Number.isFinite(number) ? number * factor : null;
}
