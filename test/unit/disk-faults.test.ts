import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packDirectory } from "../../src/archive/pack-archive.ts";
import { guardWorld, type Step } from "../../src/base/world.ts";
import { ServiceError } from "../../src/domain/errors.ts";
import type { Run } from "../../src/domain/run.ts";
import { controlBundle, MANIFEST, type ControlBundle } from "./control-bundle.ts";

/**
 * Every write site of whole stories fails once, as a full disk and as a broken one: reads are answered, what is asked
 * is done or refused with a typed error, the run tells the truth, and all goes on by itself.
 */

const admin = { account: "admin" };
const SITES = new Set<Step["kind"]>(["write", "sync", "make", "rename", "link", "change", "remove", "commit"]);
const RECOVERY_MS = 10_000;

const FAULTS = {
  ENOSPC: { errno: "no space left on device", errcode: 13, errstr: "database or disk is full" },
  EIO: { errno: "i/o error", errcode: 10, errstr: "disk I/O error" },
} as const;
type Fault = keyof typeof FAULTS;

/** What Node throws for the file system, or SQLite for a commit. */
function faultOf(code: Fault, step: Step): Error {
  const { errno, errcode, errstr } = FAULTS[code];
  if (step.kind === "commit") return Object.assign(new Error(errstr), { code: "ERR_SQLITE_ERROR", errcode, errstr });
  return Object.assign(new Error(`${code}: ${errno}, ${step.kind} '${step.subject}'`), { code, syscall: step.kind });
}

interface Story {
  readonly bundle: ControlBundle;
  /** Acknowledged submissions. */
  readonly runs: Run[];
  readonly refusals: string[];
  /** Asks until it is done, as a user would; every refusal must be a typed one. */
  readonly ask: <T>(what: () => Promise<T>) => Promise<T>;
  readonly submit: () => Promise<Run>;
}

async function zipBytes(): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-faults-"));
  try {
    await mkdir(join(folder, "code"));
    await writeFile(join(folder, "code", "main.sh"), "echo hello\n");
    await packDirectory(join(folder, "code"), join(folder, "code.zip"));
    return await readFile(join(folder, "code.zip"));
  } finally {
    await rm(folder, { recursive: true });
  }
}

function story(bundle: ControlBundle, bytes: Buffer): Story {
  const runs: Run[] = [];
  const refusals: string[] = [];
  const ask = async <T>(what: () => Promise<T>): Promise<T> => {
    const deadline = performance.now() + RECOVERY_MS;
    for (;;) {
      try {
        return await what();
      } catch (error) {
        if (!(error instanceof ServiceError) || performance.now() > deadline) throw error;
        refusals.push(error.code);
      }
    }
  };
  let count = 0;
  const submit = async (): Promise<Run> => {
    const idempotencyKey = `key-${(count += 1)}-${runs.length}`;
    const run = await ask(async () => {
      // As an upload leaves it; a refused one is sent again.
      const path = join(bundle.home, "tmp", `${idempotencyKey}.zip`);
      await writeFile(path, bytes);
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      const zip = { kind: "file", path, sizeBytes: bytes.length } as const;
      const manifest = Buffer.from(MANIFEST);
      const request = { zip, sha256, manifest, manifestName: "m.yml", idempotencyKey, principal: admin };
      return (await bundle.control.runs.submit(request, AbortSignal.timeout(RECOVERY_MS))).run;
    });
    runs.push(run);
    return run;
  };
  return { bundle, runs, refusals, ask, submit };
}

const isGone = async (bundle: ControlBundle, id: string): Promise<boolean> =>
  bundle.control.runs.get(id).then(
    () => false,
    (error: unknown) => error instanceof ServiceError && error.code === "run_not_found",
  );

const STORIES = {
  "submit, run, store, delete": {
    slots: 4,
    script: () => ({ kind: "exits", exitCode: 0 }) as const,
    tell: async ({ bundle, submit, ask }: Story): Promise<void> => {
      const { id } = await submit();
      const ended = await bundle.untilEnded(id);
      expectTruth(ended, ["completed"]);
      if (ended.state === "completed") expect(await bundle.stored(id, "training-log.txt")).toBeDefined();
      const isDone = async (): Promise<boolean> => isGone(bundle, id);
      await ask(async () => (await isDone()) || bundle.control.runs.remove(id, admin));
      expect(await isDone()).toBe(true);
    },
  },
  "run, stop, delete, take back": {
    slots: 1,
    script: () => ({ kind: "runs", onStop: "ends" }) as const,
    tell: async ({ bundle, submit, ask }: Story): Promise<void> => {
      const first = await submit();
      const waiting = await submit();
      await ask(() => bundle.control.runs.requestStop(waiting.id, 0, admin));
      expectTruth(await bundle.untilEnded(waiting.id), ["canceled"]);
      await ask(async () => {
        const run = await bundle.control.runs.get(first.id);
        if (run.state === "pending")
          return await bundle.control.runs.waitForChange(first.id, run.version, AbortSignal.timeout(RECOVERY_MS));
        return run.endedAt === null ? bundle.control.runs.requestStop(first.id, 0, admin) : run;
      });
      const asked = await bundle.control.runs.get(first.id);
      if (asked.endedAt === null && asked.stopRequestedAt === null) {
        await ask(() => bundle.control.runs.requestStop(first.id, 0, admin));
      }
      expectTruth(await bundle.untilEnded(first.id), ["canceled"]);
      await ask(() => bundle.control.runs.remove(first.id, admin));
      expect((await ask(() => bundle.control.runs.restore(first.id, admin))).deletedAt).toBeNull();
    },
  },
} as const;

/** Ended as it should have, or as failed for a cause that the disk explains. */
function expectTruth(run: Run, states: readonly Run["state"][]): void {
  if (run.state !== "failed") return expect(states).toContain(run.state);
  expect(["disk_full", "start_failed", "results_not_stored"]).toContain(run.failure?.cause);
  return undefined;
}

describeSites("submit, run, store, delete");
describeSites("run, stop, delete, take back");

function describeSites(name: keyof typeof STORIES): void {
  test.each(Object.keys(FAULTS) as Fault[])(
    `every write site of "${name}" may fail once with %s`,
    { timeout: 300_000 },
    async (code) => {
      const bytes = await zipBytes();
      const { slots, script, tell } = STORIES[name];
      const tally = { sites: 0, refused: 0, failed: 0, kinds: new Map<string, number>() };
      for (let at = 1; ; at += 1) {
        await using bundle = await controlBundle({ slots, script, deleteUndoMs: name.includes("back") ? 60_000 : 0 });
        const told = story(bundle, bytes);
        let count = 0;
        let hit: Step | null = null;
        using _ = guardWorld((step) => {
          if (!SITES.has(step.kind) || (count += 1) !== at) return undefined;
          hit = step;
          throw faultOf(code, step);
        });
        try {
          await tell(told);
          // Nothing that was acknowledged is lost, and reads are answered.
          for (const { id } of told.runs) if (!(await isGone(bundle, id))) await bundle.control.runs.get(id);
          await bundle.control.runs.list({ states: [], name: null, idPrefix: null, limit: 10, cursor: null });
        } catch (error) {
          throw new Error(`${code} at step ${at}: ${JSON.stringify(hit)}; log: ${bundle.logged.join("\n")}`, {
            cause: error,
          });
        }
        if (hit === null) break;
        tally.sites += 1;
        tally.refused += told.refusals.length > 0 ? 1 : 0;
        const { kind } = hit as Step;
        tally.kinds.set(kind, (tally.kinds.get(kind) ?? 0) + 1);
        for (const refusal of told.refusals) expect(["disk_full", "disk_failing", "store_busy"]).toContain(refusal);
      }
      console.log(
        `${name}, ${code}: ${tally.sites} sites, ${tally.refused} with a refusal`,
        Object.fromEntries(tally.kinds),
      );
      expect(tally.sites).toBeGreaterThanOrEqual(20);
    },
  );
}
