import { execFileSync } from "node:child_process";
import { statfsSync } from "node:fs";
import { mkdtemp, rm, rmdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { ServiceError } from "../../src/domain/errors.ts";
import type { Run } from "../../src/domain/run.ts";
import { isAvailable } from "../../tools/requirements.ts";
import { controlBundle, type ControlBundle } from "../unit/control-bundle.ts";

const DISK_BYTES = 8 * 1024 * 1024;
const RECOVERY_MS = 10_000;
const FREE_KB = [0, 4, 8, 16, 24, 32, 48, 64, 96, 128, 160, 192, 256, 384, 512, 1024];

/** A disk of its own, on which everything lies that goes into the folder for temporary files. */
async function smallDisk(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", folder]);
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = folder;
  onTestFinished(async () => {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
    execFileSync("umount", ["-l", folder]);
    await rmdir(folder);
  });
  return folder;
}

/** Fills the disk until so many bytes are left. */
async function fill(folder: string, leftBytes: number): Promise<string> {
  const { bavail, bsize } = statfsSync(folder);
  const path = join(folder, "filler");
  await writeFile(path, Buffer.alloc(Math.max(0, bavail * bsize - leftBytes)));
  return path;
}

/** Undefined where it was refused for the disk; the sender's own file may be what found no room. */
async function submitOrRefuse(bundle: ControlBundle, refusals: string[]): Promise<Run | undefined> {
  try {
    return await bundle.submit();
  } catch (error) {
    const code = error instanceof ServiceError ? error.code : (error as NodeJS.ErrnoException).code;
    refusals.push(code ?? String(error));
    return undefined;
  }
}

describe.skipIf(!isAvailable("mount"))("on a disk that is nearly full", () => {
  test.each(FREE_KB)(
    "with %d kB left nothing that was acknowledged is lost, and all goes on once there is room",
    async (kb) => {
      const folder = await smallDisk();
      await using bundle = await controlBundle();
      const before = await bundle.untilEnded((await bundle.submit()).id);
      const filler = await fill(folder, kb * 1024);
      const refusals: string[] = [];
      const accepted: Run[] = [];
      for (let i = 0; i < 3; i += 1) {
        const run = await submitOrRefuse(bundle, refusals);
        if (run !== undefined) accepted.push(run);
        // Reads are answered meanwhile.
        expect((await bundle.control.runs.get(before.id)).state).toBe("completed");
        const { runs } = await bundle.control.runs.list({
          states: [],
          name: null,
          idPrefix: null,
          limit: 10,
          cursor: null,
        });
        expect(runs.length).toBeGreaterThan(accepted.length);
      }
      for (const refusal of refusals) expect(["disk_full", "disk_failing", "ENOSPC"]).toContain(refusal);
      await rm(filler);
      const roomAt = performance.now();
      for (const { id } of accepted) {
        const run = await bundle.untilEnded(id);
        const truths = [null, "disk_full", "start_failed", "results_not_stored"];
        expect(truths).toContain(run.failure?.cause ?? null);
        if (run.failure === null) expect(await bundle.stored(id, "training-log.txt")).toBeDefined();
      }
      expect((await bundle.untilEnded((await bundle.submit()).id)).state).toBe("completed");
      expect(performance.now() - roomAt).toBeLessThan(RECOVERY_MS + 5000);
      console.log(`${kb} kB: ${accepted.length} accepted, ${refusals.length} refused ${refusals.join(" ")}`);
    },
  );
});
