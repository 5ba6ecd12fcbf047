import { spawn } from "node:child_process";
import { once } from "node:events";
import { firstLine } from "../machine.ts";
import { end, failWhenEnded, freePort } from "./processes.ts";
import { howToInstall, loadPeer, resolvePeer } from "./resolve-peer.ts";

/** BullMQ on a Redis that syncs every write before it answers. */
export interface BullMq extends AsyncDisposable {
  readonly version: string;
  /** Resolves when the job is on disk. */
  add(payload: object): Promise<void>;
}

interface BullMqLibrary {
  readonly Queue: new (
    name: string,
    options: object,
  ) => {
    add(name: string, payload: object): Promise<unknown>;
    close(): Promise<void>;
    waitUntilReady(): Promise<unknown>;
  };
}

/** A sentence where a part of it is not here. */
export async function startBullMq(folder: string): Promise<BullMq | string> {
  const library = resolvePeer("bullmq");
  if (library === undefined) return howToInstall("bullmq");
  const redis = firstLine("redis-server", ["--version"]);
  if (redis === "not here") return "redis-server is not installed (Debian: redis-server)";
  const { Queue } = await loadPeer<BullMqLibrary>(library.path);
  const port = await freePort();
  const durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--dir", folder];
  const server = spawn("redis-server", ["--bind", "127.0.0.1", "--port", String(port), ...durable], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await Promise.race([readyToAccept(server.stdout), failWhenEnded(server, "Redis")]);
  const queue = new Queue("submits", { connection: { host: "127.0.0.1", port } });
  await queue.waitUntilReady();
  return {
    version: `bullmq ${library.version} on ${redis.split(" ", 3).join(" ")}, appendfsync always`,
    add: async (payload) => void (await queue.add("start", payload)),
    [Symbol.asyncDispose]: async () => {
      await queue.close();
      await end(server, "SIGTERM");
    },
  };
}

async function readyToAccept(stdout: NodeJS.ReadableStream): Promise<void> {
  let text = "";
  while (!text.includes("eady to accept connections")) text += String(((await once(stdout, "data")) as [Buffer])[0]);
  stdout.resume();
}
