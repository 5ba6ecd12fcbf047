import { expect, test } from "vitest";
import type { Device } from "../../domain/device.ts";
import type { Run } from "../../domain/run.ts";
import { deviceKindFor, deviceKindOf, waitingFor, type Machine } from "./machine.ts";

const GPU: Device = { id: "gpu-0", kind: "nvidia", name: "NVIDIA H200", uuid: "GPU-1" };
const SLOT: Device = { id: "cpu-0", kind: "cpu_slot", name: "CPU slot", uuid: null };
const WITH_GPU: Machine = { cores: 4, devices: [GPU, SLOT] };
const WITHOUT: Machine = { cores: 4, devices: [SLOT] };

function runFor(deviceType: string | null, deviceKind: Run["deviceKind"]): Run {
  return { id: "training-abcdefghi", deviceKind, spec: { devices: 2, learners: 3, deviceType } } as Run;
}

test("a new run gets a GPU where there is one, unless it wants none", () => {
  const kinds = [WITH_GPU, WITHOUT].flatMap((machine) =>
    [null, "v100", "cpu"].map((type) => deviceKindFor(runFor(type, null).spec, machine)),
  );
  expect(kinds).toEqual(["nvidia", "nvidia", "cpu_slot", "cpu_slot", "cpu_slot", "cpu_slot"]);
});

test("a run that waits for GPUs goes on waiting for them on a machine that finds none any more, and the other way round", () => {
  expect(waitingFor(runFor(null, "nvidia"), WITHOUT)).toEqual({ id: "training-abcdefghi", devices: 6, kind: "nvidia" });
  expect(deviceKindOf(runFor(null, "cpu_slot"), WITH_GPU)).toBe("cpu_slot");
});

test("for a run of an earlier version the machine decides", () => {
  expect([deviceKindOf(runFor(null, null), WITH_GPU), deviceKindOf(runFor(null, null), WITHOUT)]).toEqual([
    "nvidia",
    "cpu_slot",
  ]);
});
