import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cpuMsWithChildren, firstLine } from "../machine.ts";
import { end, failWhenEnded, freePort } from "./processes.ts";
import { howToInstall, loadPeer, resolvePeer } from "./resolve-peer.ts";

/** Graphile Worker on PostgreSQL: a durable queue whose worker is a Node process. */
export interface GraphileWorker extends AsyncDisposable {
  readonly version: string;
  /** Resolves when the job is committed. */
  submit(command: string): Promise<void>;
  /** Of the worker, what it spawned, and the database. */
  cpuMs(): number;
}

export interface WorkerUtils {
  addJob(task: string, payload: object): Promise<unknown>;
  migrate(): Promise<void>;
  release(): Promise<void>;
}

/** What we use of the library, which is not installed with the project. */
export interface GraphileLibrary {
  makeWorkerUtils(options: object): Promise<WorkerUtils>;
  run(options: object): Promise<unknown>;
  /** Takes a function that makes a log function for each scope. */
  readonly Logger: new (makeLog: () => () => void) => object;
}

/** A sentence where a part of it is not here. */
export async function startGraphileWorker(folder: string): Promise<GraphileWorker | string> {
  const library = resolvePeer("graphile-worker");
  if (library === undefined) return howToInstall("graphile-worker");
  const postgres = await startPostgres(join(folder, "postgres"));
  if (typeof postgres === "string") return postgres;
  try {
    const graphile = await loadPeer<GraphileLibrary>(library.path);
    const logger = new graphile.Logger(() => () => undefined);
    const utils = await graphile.makeWorkerUtils({ connectionString: postgres.url, logger });
    await utils.migrate();
    const worker = await startWorker(library.path, postgres.url);
    return {
      version: `graphile-worker ${library.version} on ${firstLine("postgres", ["--version"])}`,
      submit: async (command) => void (await utils.addJob("start", { command })),
      cpuMs: () => cpuMsWithChildren(worker.pid as number) + postgres.cpuMs(),
      [Symbol.asyncDispose]: async () => {
        await utils.release();
        await end(worker, "SIGTERM");
        await postgres[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await postgres[Symbol.asyncDispose]();
    throw error;
  }
}

async function startWorker(library: string, url: string): Promise<ChildProcess> {
  const program = join(import.meta.dirname, "graphile-worker-process.ts");
  const worker = spawn(process.execPath, [program, library, url], { stdio: ["ignore", "pipe", "inherit"] });
  await Promise.race([once(worker.stdout, "data"), failWhenEnded(worker, "the worker")]);
  return worker;
}

interface Postgres extends AsyncDisposable {
  readonly url: string;
  cpuMs(): number;
}

/** A fresh cluster with the settings that PostgreSQL comes with: every commit is synced. */
async function startPostgres(folder: string): Promise<Postgres | string> {
  if (firstLine("initdb", ["--version"]) === "not here")
    return "PostgreSQL's initdb is not on the PATH (Debian: postgresql-15, whose programs are in /usr/lib/postgresql/15/bin)";
  const isRoot = process.getuid?.() === 0;
  const account = isRoot ? { uid: numberOf("id", "-u", "postgres"), gid: numberOf("id", "-g", "postgres") } : {};
  await mkdir(folder, { recursive: true });
  if (isRoot) await chmod(dirname(folder), 0o755);
  if (isRoot) spawnSync("chown", ["postgres", folder]);
  const made = spawnSync("initdb", ["-D", join(folder, "data"), "-U", "bench", "-A", "trust"], {
    ...account,
    cwd: folder,
    encoding: "utf8",
  });
  if (made.status !== 0) return `initdb failed: ${made.stderr.trim().split("\n").at(-1) ?? ""}`;
  const port = await freePort();
  const options = ["-D", join(folder, "data"), "-k", folder, "-h", "127.0.0.1", "-p", String(port)];
  const server = spawn("postgres", options, { ...account, cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  await Promise.race([readyToAccept(server), failWhenEnded(server, "PostgreSQL")]);
  return {
    url: `postgres://bench@127.0.0.1:${port}/postgres`,
    cpuMs: () => cpuOfFamily(server.pid as number),
    // "Smart": waits until the clients have gone, who would otherwise be told of a fatal error.
    [Symbol.asyncDispose]: async () => end(server, "SIGTERM"),
  };
}

async function readyToAccept(server: ChildProcess): Promise<void> {
  let text = "";
  if (server.stderr === null) throw new TypeError("PostgreSQL was spawned without stderr.");
  for await (const part of server.stderr.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
    text += part as string;
    if (text.includes("ready to accept connections")) break;
  }
  server.stderr.resume();
}

/** The server has a living process for each connection, whose time counts before they end too. */
function cpuOfFamily(pid: number): number {
  const children = firstLine("pgrep", ["-d", " ", "-P", String(pid)])
    .split(" ")
    .filter(Boolean)
    .map(Number);
  return children.reduce((sum, child) => sum + cpuMsWithChildren(child), cpuMsWithChildren(pid));
}

function numberOf(program: string, ...args: readonly string[]): number {
  return Number(firstLine(program, args));
}
