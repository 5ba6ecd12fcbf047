/** One thing a run can hold alone: a GPU, or a slot on a machine without one. */
export interface Device {
  /** Stable on one machine: `gpu-0`, `cpu-3`. */
  readonly id: string;
  readonly kind: "nvidia" | "cpu_slot";
  /** For people: `NVIDIA H200`, `CPU slot`. */
  readonly name: string;
  /** What a program must see in CUDA_VISIBLE_DEVICES to use it: the driver's UUID; null for a CPU slot. */
  readonly uuid: string | null;
}

/** For people: `1 GPU`, `4 CPU slots`. */
export function countDevices(count: number, kind: Device["kind"]): string {
  return `${count} ${kind === "nvidia" ? "GPU" : "CPU slot"}${count === 1 ? "" : "s"}`;
}
