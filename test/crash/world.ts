import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Step } from "../../src/base/world.ts";
import { unmountBelow } from "../../src/base/mounts.ts";
import { startS3FaultServer, type S3FaultServer } from "../fakes/s3-fault-server.ts";
import { Server, UNARMED } from "./server.ts";
import type { Arming } from "./arm.ts";

/** Planted in every credential; must be nowhere in the home. */
export const CANARY = "cAnArY-7f3a9b-secret";

const CONFIGURATION = `
devices: {cpu_slots: 2}
stop: {grace_seconds: 5}
builds: {mode: off}
`;

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
    s3.objects.buckets.set("results", new Map());
    const world = new World(folder, s3, program);
    await mkdir(join(world.home, "buckets", "numbers", "more"), { recursive: true });
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
    // At a graceful end it also takes its control groups away, which are outside of the home.
    await this.#server?.end().catch(() => undefined);
    await this.#server?.kill();
    await this.s3[Symbol.asyncDispose]();
    await unmountBelow(this.folder);
    await rm(this.folder, { recursive: true, force: true });
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
