import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Step } from "../../src/base/world.ts";
import { systemClock } from "../../src/base/clock.ts";
import { unmountBelow } from "../../src/base/mounts.ts";
import { openTracker } from "../../src/engines/local/choose-tracker.ts";
import { startS3FaultServer, type S3FaultServer } from "../fakes/s3-fault-server.ts";
import { Server, UNARMED } from "./server.ts";
import type { Arming } from "./arm.ts";

/** Planted in every credential; must be nowhere in the home. */
export const CANARY = "cAnArY-7f3a9b-secret";

export const DEVICES = 2;

const CONFIGURATION = `
devices: {cpu_slots: ${DEVICES}}
stop: {grace_seconds: 5}
retries: {delay_seconds: 0.2}
builds: {mode: off}
`;

/** What belongs to others in the buckets of the runs: never touched. */
const FOREIGN = { key: "others/model", bytes: "not ours\n", upload: "others/half.bin" };

/** One home through many crashes, the buckets outside of it, and the witness. */
export class World implements AsyncDisposable {
  readonly folder: string;
  readonly home: string;
  readonly witness: string;
  readonly s3: S3FaultServer;
  readonly #program: string;
  #server: Server | null = null;
  /** Of the server that ended last, for whoever has to explain a violation. */
  lastErrors = "";

  private constructor(folder: string, s3: S3FaultServer, program: string) {
    this.folder = folder;
    this.home = join(folder, "home");
    this.witness = join(folder, "witness.txt");
    this.s3 = s3;
    this.#program = program;
  }

  static async make(parent: string, program: string): Promise<World> {
    const folder = await mkdtemp(join(parent, "crash-"));
    const s3 = await startS3FaultServer();
    const results = new Map();
    s3.objects.buckets.set("results", results);
    s3.objects.put(results, FOREIGN.key, Buffer.from(FOREIGN.bytes));
    s3.objects.begin(FOREIGN.upload);
    const world = new World(folder, s3, program);
    await mkdir(join(world.home, "buckets", "numbers", "more"), { recursive: true });
    await mkdir(join(world.home, "buckets", "models", "others"), { recursive: true });
    await writeFile(join(world.home, "buckets", "models", FOREIGN.key), FOREIGN.bytes);
    await writeFile(join(world.home, "trainyard.yaml"), CONFIGURATION);
    await writeFile(join(world.home, "buckets", "numbers", "one.txt"), "1\n");
    await writeFile(join(world.home, "buckets", "numbers", "more", "two.txt"), "2\n".repeat(50));
    return world;
  }

  get server(): Server {
    if (this.#server === null) throw new Error("No server was started.");
    return this.#server;
  }

  get hasServer(): boolean {
    return this.#server?.isAlive === true;
  }

  /** What is in the buckets of the runs and is not theirs has stayed as it was; null then. */
  async findForeignTouched(): Promise<string | null> {
    const inS3 = this.s3.objects.buckets.get("results")?.get(FOREIGN.key)?.bytes.toString();
    const inFolder = await readFile(join(this.home, "buckets", "models", FOREIGN.key), "utf8").catch(() => "nothing");
    if (inS3 !== FOREIGN.bytes || inFolder !== FOREIGN.bytes)
      return `the objects of others are '${inS3}', '${inFolder}'`;
    const uploads = [...this.s3.objects.uploads.values()].filter(({ key }) => key === FOREIGN.upload);
    return uploads.length === 1 ? null : "the unfinished upload of somebody else is gone";
  }

  /** Of the runs: there is nothing left of them once they are stored. */
  get unfinishedUploads(): number {
    return [...this.s3.objects.uploads.values()].filter(({ key }) => key !== FOREIGN.upload).length;
  }

  /** True once the server is ready; false when it ended itself on the way. */
  async start(arming: Arming = UNARMED): Promise<boolean> {
    const server = new Server({ home: this.home, program: this.#program, arming });
    this.#server = server;
    const isReady = await server.becomeReady();
    this.lastErrors = server.errors;
    return isReady;
  }

  /** The step before which the server ended itself; null when something else was wrong with it. */
  async takeStep(): Promise<Step | null> {
    await this.server.ended;
    this.lastErrors = this.server.errors;
    return this.server.takeStep();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.end().catch(() => undefined);
    await this.#server?.kill();
    // Its control groups, which are outside of the home, stay behind a server that was killed.
    await openTracker(this.home, systemClock);
    await this.s3[Symbol.asyncDispose]();
    await unmountBelow(this.folder);
    // Programs that a violation has left behind may still write.
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** In memory where the machine has such a folder: a kill of a process loses nothing that it wrote, on whatever disk. */
export async function placeForWorlds(candidates = ["/dev/shm", process.env["TMPDIR"] ?? "/tmp"]): Promise<string> {
  for (const parent of candidates) {
    try {
      const probe = await mkdtemp(join(parent, "crash-probe-"));
      await rm(probe, { recursive: true });
      return dirname(probe);
    } catch {
      // Not there, or not for us: the next one.
    }
  }
  throw new Error(`None of ${candidates.join(", ")} can be written.`);
}
