import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findDevices } from "./devices.ts";

/** A PATH that holds nothing but a program `nvidia-smi` with this body. */
async function pathWithNvidiaSmi(body: string) {
  const directory = await mkdtemp(join(tmpdir(), "trainyard-devices-"));
  const program = join(directory, "nvidia-smi");
  await writeFile(program, `#!/bin/sh\n${body}\n`);
  await chmod(program, 0o755);
  return { PATH: directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

describe("findDevices", () => {
  it("gives CPU slots behind the GPUs, for runs that want no GPU", async () => {
    await using path = await pathWithNvidiaSmi('echo "0, GPU-5d1e0a3c, NVIDIA H200"');
    const devices = await findDevices({ cpuSlots: 2, env: { PATH: path.PATH } });
    expect(devices.map(({ id }) => id)).toEqual(["gpu-0", "cpu-0", "cpu-1"]);
  });

  it("gives each NVIDIA GPU with the driver's index, name and UUID", async () => {
    await using path = await pathWithNvidiaSmi(`
      [ "$*" = "--query-gpu=index,uuid,name --format=csv,noheader" ] || exit 9
      echo "0, GPU-5d1e0a3c-1f6d-7f0e-2a65-0c4f7a2f1b11, NVIDIA H200"
      echo "3, GPU-9a0b2f64-97e5-41d0-b2a1-55de3f0a8c02, NVIDIA RTX PRO 6000, Server Edition"`);
    const devices = await findDevices({ cpuSlots: 2, env: { PATH: path.PATH } });
    expect(devices.filter(({ kind }) => kind === "nvidia")).toEqual([
      { id: "gpu-0", kind: "nvidia", name: "NVIDIA H200", uuid: "GPU-5d1e0a3c-1f6d-7f0e-2a65-0c4f7a2f1b11" },
      {
        id: "gpu-3",
        kind: "nvidia",
        name: "NVIDIA RTX PRO 6000, Server Edition",
        uuid: "GPU-9a0b2f64-97e5-41d0-b2a1-55de3f0a8c02",
      },
    ]);
  });

  it.for([
    ["fails", 'echo "NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver."; exit 9'],
    ["knows of no GPU", 'echo "No devices were found"'],
    ["fails after it has named a GPU", 'echo "0, GPU-5d1e0a3c, NVIDIA H200"; exit 255'],
  ])("gives CPU slots when nvidia-smi %s", async ([, body = ""]) => {
    await using path = await pathWithNvidiaSmi(body);
    const devices = await findDevices({ cpuSlots: 2, env: { PATH: path.PATH } });
    expect(devices.map(({ id, kind, uuid }) => ({ id, kind, uuid }))).toEqual([
      { id: "cpu-0", kind: "cpu_slot", uuid: null },
      { id: "cpu-1", kind: "cpu_slot", uuid: null },
    ]);
  });

  it("gives as many CPU slots as cores, and at least four, when none are configured", async () => {
    const devices = await findDevices({ cpuSlots: null, env: { PATH: "/nowhere" } });
    expect(devices).toHaveLength(Math.max(4, availableParallelism()));
    expect(new Set(devices.map(({ id }) => id)).size).toBe(devices.length);
  });
});
