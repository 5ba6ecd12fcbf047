import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock as clock } from "../../base/clock.ts";
import { readGpuUsage } from "./gpu-usage.ts";
import { createLocalEngine } from "./local-engine.ts";

test("a learner's usage is that of its whole tree, and null once it has ended", async () => {
  const directory = await mkdtemp(join(tmpdir(), "usage-"));
  const engine = createLocalEngine({ clock });
  try {
    // The time is used by a child, and 32 MB are held by it.
    const command = `echo begun; python3 -c 'x = bytearray(32_000_000)
while True: pass' & wait`;
    const task = {
      runId: "training-usage0000",
      attempt: 1,
      learner: 1,
      directory,
      workingDirectory: directory,
      command,
    };
    const env = { PATH: process.env["PATH"] ?? "" };
    const handle = await engine.start({ ...task, env, banner: "" }, new AbortController().signal);
    await expect
      .poll(async () => (await engine.usageOf(handle))?.memoryBytes ?? 0, { timeout: 20_000 })
      .toBeGreaterThan(32_000_000);
    const first = await engine.usageOf(handle);
    await expect
      .poll(async () => (await engine.usageOf(handle))?.cpuSeconds ?? 0, { timeout: 20_000 })
      .toBeGreaterThan((first?.cpuSeconds ?? 0) + 0.2);
    expect(first?.gpus).toEqual([]);
    await engine.stop(handle, 0);
    expect(await engine.usageOf(handle)).toBeNull();
  } finally {
    await engine.close();
    await rm(directory, { recursive: true, force: true });
  }
});

test("what the driver says of GPUs is read, and what it does not know is left out", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gpus-"));
  try {
    await mkdir(join(folder, "bin"));
    const script = `#!/bin/sh\necho 'GPU-1, 37, 1024, 71.50'\necho 'GPU-2, [N/A], 0, [N/A]'\necho 'warning, 1'\n`;
    await writeFile(join(folder, "bin", "nvidia-smi"), script, { mode: 0o755 });
    expect([...(await readGpuUsage({ PATH: `${folder}/bin:/bin` }))]).toEqual([
      ["GPU-1", { utilisation: 0.37, memoryBytes: 1_073_741_824, powerWatts: 71.5 }],
      ["GPU-2", { utilisation: null, memoryBytes: 0, powerWatts: null }],
    ]);
    expect((await readGpuUsage({ PATH: "/nowhere" })).size).toBe(0);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
