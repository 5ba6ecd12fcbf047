import { uptime } from "node:os";
import { readBootId } from "./boot-id.ts";

/** The machine's own clock: it begins with the machine, and neither people nor time services set it. */
export interface MachineTime {
  /** Which start of the machine this is; empty where that cannot be told. */
  bootId(): Promise<string>;
  /** Milliseconds since the machine's start. Goes on while no process of ours runs. */
  uptimeMs(): number;
}

export const machineTime: MachineTime = { bootId: readBootId, uptimeMs: () => uptime() * 1000 };
