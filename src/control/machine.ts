import type { Device } from "../domain/device.ts";
import type { TrainingSpec } from "../domain/training-spec.ts";
import type { Waiting } from "./waiting-queue.ts";

/** What this machine can give to runs. */
export interface Machine {
  readonly cores: number;
  /** GPUs where there are any, and CPU slots. */
  readonly devices: readonly Device[];
}

/** The kind of device a run holds here: a GPU where there is one, unless the manifest wants none. */
export function deviceKindFor(spec: TrainingSpec, machine: Machine): Device["kind"] {
  const hasGpu = machine.devices.some((device) => device.kind === "nvidia");
  return hasGpu && spec.deviceType !== "cpu" ? "nvidia" : "cpu_slot";
}

/** The place in the queue that a run asks for: the devices of all its learners together. */
export function waitingFor(id: string, spec: TrainingSpec, machine: Machine): Waiting {
  return { id, devices: spec.devices * spec.learners, kind: deviceKindFor(spec, machine) };
}
