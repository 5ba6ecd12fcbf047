import type { Device } from "../../domain/device.ts";
import type { Run } from "../../domain/run.ts";
import type { TrainingSpec } from "../../domain/training-spec.ts";
import type { Waiting } from "./waiting-queue.ts";

/** What this machine can give to runs. */
export interface Machine {
  readonly cores: number;
  /** GPUs where there are any, and CPU slots. */
  readonly devices: readonly Device[];
}

/** The kind of device a new run will hold here: a GPU where there is one, unless the manifest wants none. */
export function deviceKindFor(spec: TrainingSpec, machine: Machine): Device["kind"] {
  const hasGpu = machine.devices.some((device) => device.kind === "nvidia");
  return hasGpu && spec.deviceType !== "cpu" ? "nvidia" : "cpu_slot";
}

/**
 * What a device of the run is. It was decided at submission, so that GPUs which a machine does not find after a restart
 * turn no run that waits for one into a run on CPUs.
 */
export function deviceKindOf(run: Pick<Run, "spec" | "deviceKind">, machine: Machine): Device["kind"] {
  return run.deviceKind ?? deviceKindFor(run.spec, machine);
}

/** The place in the queue that a run asks for: the devices of all its learners together. */
export function waitingFor(run: Pick<Run, "id" | "spec" | "deviceKind">, machine: Machine): Waiting {
  const { devices, learners } = run.spec;
  return { id: run.id, devices: devices * learners, kind: deviceKindOf(run, machine) };
}
