import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { findMissing } from "./availability.ts";

/**
 * A real S3 server for tests: Ceph's gateway over one monitor and one storage daemon that keeps everything in memory.
 *
 *   test ──S3──▶ radosgw ──▶ ceph-osd (memstore)
 *                   └──▶ ceph-mon ◀──┘           all on 127.0.0.1, all in one folder under the temporary directory
 */
export const RADOSGW_PROGRAMS = ["ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin"] as const;

export interface S3Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface Radosgw extends S3Keys, AsyncDisposable {
  readonly endpoint: string;
  readonly region: string;
  /** Another user, who owns nothing of the first one's. */
  readonly other: S3Keys;
  stop(): Promise<void>;
}

/** From nothing to a user that can log in; 11 s on a quiet machine with two cores. */
const START_DEADLINE_MS = 100_000;

/** Ceph's unix sockets allow for about 100 characters in all. */
const MAX_FOLDER_LENGTH = 70;

const ENVIRONMENT = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LANG: "C.UTF-8" };

export async function startRadosgw(): Promise<Radosgw> {
  const missing = findMissing(RADOSGW_PROGRAMS);
  if (missing.length > 0)
    throw new Error(`Not installed: ${missing.join(", ")} (Debian: ceph-mon ceph-osd radosgw ceph-common).`);
  const cluster = new Cluster(await makeFolder(), AbortSignal.timeout(START_DEADLINE_MS));
  try {
    return await cluster.start();
  } catch (error) {
    const report = await cluster.lastWords();
    await cluster.stop();
    throw new Error(`radosgw did not start.\n${report}`, { cause: error });
  }
}

async function makeFolder(): Promise<string> {
  const base = tmpdir().length + 20 <= MAX_FOLDER_LENGTH ? tmpdir() : "/tmp";
  return mkdtemp(join(base, "ty-rgw-"));
}

class Cluster {
  readonly #folder: string;
  readonly #deadline: AbortSignal;
  readonly #daemons = new Map<string, ChildProcess>();
  #leash: ChildProcess | undefined;

  constructor(folder: string, deadline: AbortSignal) {
    this.#folder = folder;
    this.#deadline = deadline;
  }

  async start(): Promise<Radosgw> {
    const [monitorPort = 0, gatewayPort = 0] = await freePorts(2);
    const fsid = randomUUID();
    for (const name of ["mon", "osd", "rgw", "run", "log"]) await mkdir(join(this.#folder, name));
    await writeFile(this.#path("keyring"), keyring(), { mode: 0o600 });
    await writeFile(this.#path("ceph.conf"), configuration(this.#folder, fsid, monitorPort, gatewayPort));
    await this.#startMonitor(fsid, monitorPort);
    await this.#startStorage();
    await this.#launch("rgw", "radosgw", ["-f", "-n", "client.rgw"]);
    const endpoint = `http://127.0.0.1:${gatewayPort}`;
    const keys = makeKeys("trainer");
    const other = makeKeys("stranger");
    await Promise.all([
      this.#makeUser("trainer", keys),
      this.#makeUser("stranger", other),
      this.#untilAnswers(endpoint),
    ]);
    const stop = async (): Promise<void> => this.stop();
    return { endpoint, region: "default", ...keys, other, stop, [Symbol.asyncDispose]: stop };
  }

  /** Nothing is worth keeping, so nothing is asked to end politely. */
  async stop(): Promise<void> {
    const running = [...this.#daemons.values()].filter(isAlive);
    const ends = running.map(async (daemon) => once(daemon, "exit"));
    for (const daemon of running) daemon.kill("SIGKILL");
    await Promise.all(ends);
    this.#leash?.kill("SIGKILL");
    await rm(this.#folder, { recursive: true, force: true });
  }

  async lastWords(): Promise<string> {
    const logs = [...this.#daemons.keys()].map(async (name) => {
      const text = await readFile(this.#path(`log/${name}.out`), "utf8").catch(() => "(no output)");
      return `${name}: ${text.split("\n").slice(-6).join("\n")}`;
    });
    return (await Promise.all(logs)).join("\n");
  }

  async #startMonitor(fsid: string, port: number): Promise<void> {
    const map = this.#path("monmap");
    await this.#run("monmaptool", ["--create", "--fsid", fsid, "--addv", "a", `[v2:127.0.0.1:${port}]`, map]);
    await this.#run("ceph-mon", ["--mkfs", "-i", "a", "--monmap", map, "--keyring", this.#path("keyring")]);
    await this.#launch("mon", "ceph-mon", ["-f", "-i", "a"]);
  }

  async #startStorage(): Promise<void> {
    const id = randomUUID();
    const storage = ["-i", "0", "--mkfs", "--osd-uuid", id, "--monmap", this.#path("monmap")];
    await Promise.all([
      this.#run("ceph", ["--connect-timeout", "60", "osd", "new", id]),
      this.#run("ceph-osd", storage),
    ]);
    await this.#launch("osd", "ceph-osd", ["-f", "-i", "0"]);
  }

  async #makeUser(name: string, { accessKeyId, secretAccessKey }: S3Keys): Promise<void> {
    const keys = ["--access-key", accessKeyId, "--secret-key", secretAccessKey];
    const who = ["--uid", name, "--display-name", name];
    await this.#run("radosgw-admin", ["-n", "client.rgw", "--admin-socket=", "user", "create", ...who, ...keys]);
  }

  async #untilAnswers(endpoint: string): Promise<void> {
    for (;;) {
      this.#deadline.throwIfAborted();
      for (const [name, daemon] of this.#daemons) {
        if (!isAlive(daemon)) throw new Error(`${name} ended with ${daemon.exitCode ?? daemon.signalCode}.`);
      }
      const status = await fetch(endpoint).then(
        (answer) => answer.status,
        () => 0, // Not listening yet.
      );
      if (status === 200) return;
      await delay(50);
    }
  }

  async #run(program: string, args: readonly string[]): Promise<void> {
    const all = ["-c", this.#path("ceph.conf"), ...args];
    const options = { cwd: this.#folder, env: ENVIRONMENT, signal: this.#deadline };
    await promisify(execFile)(program, program === "monmaptool" ? args : all, options);
  }

  async #launch(name: string, program: string, args: readonly string[]): Promise<void> {
    await using log = await open(this.#path(`log/${name}.out`), "a");
    const daemon = spawn(program, ["-c", this.#path("ceph.conf"), ...args], {
      cwd: this.#folder,
      env: ENVIRONMENT,
      stdio: ["ignore", log.fd, log.fd],
    });
    await once(daemon, "spawn");
    this.#daemons.set(name, daemon);
    this.#tighten();
  }

  /**
   * A shell that waits on a pipe from this process, and when the pipe ends (also when this process was killed) ends
   * the daemons by their ids and removes the folder.
   */
  #tighten(): void {
    const pids = [...this.#daemons.values()].map(({ pid }) => String(pid));
    const before = this.#leash;
    this.#leash = spawn("/bin/sh", ["-c", 'read -r _; kill -KILL "$@"; rm -rf "$0"', this.#folder, ...pids], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#leash.unref();
    before?.kill("SIGKILL");
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

function isAlive(daemon: ChildProcess): boolean {
  return daemon.exitCode === null && daemon.signalCode === null;
}

function makeKeys(name: string): S3Keys {
  return { accessKeyId: `${name.toUpperCase()}KEY`, secretAccessKey: randomBytes(20).toString("hex") };
}

/** Ports that were free a moment ago: all held at once, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const holders = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(holders.map(async (holder) => once(holder, "listening")));
  const ports = holders.map((holder) => {
    const address = holder.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  });
  await Promise.all(holders.map(async (holder) => once(holder.close(), "close")));
  return ports;
}

/** Ceph's own secrets between its daemons: type 1, time of making, length 16, 16 bytes. */
function cephKey(): string {
  const head = Buffer.alloc(12);
  head.writeUInt16LE(1, 0);
  head.writeUInt32LE(Math.floor(Date.now() / 1000), 2);
  head.writeUInt16LE(16, 10);
  return Buffer.concat([head, randomBytes(16)]).toString("base64");
}

function keyring(): string {
  const entry = (name: string, caps: readonly string[]): string =>
    [`[${name}]`, `\tkey = ${cephKey()}`, ...caps.map((cap) => `\tcaps ${cap}`), ""].join("\n");
  return [
    entry("mon.", ['mon = "allow *"']),
    entry("client.admin", ['mon = "allow *"', 'osd = "allow *"']),
    entry("client.rgw", ['mon = "allow *"', 'osd = "allow *"']),
    entry("osd.0", ['mon = "allow profile osd"', 'osd = "allow *"']),
  ].join("");
}

function configuration(folder: string, fsid: string, monitorPort: number, gatewayPort: number): string {
  return `
[global]
fsid = ${fsid}
mon host = [v2:127.0.0.1:${monitorPort}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
keyring = ${folder}/keyring
log to file = false
log to stderr = true
err to stderr = true
admin socket = ${folder}/run/$name.asok
pid file =
run dir = ${folder}/run
crash dir = ${folder}/log
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
debug ms = 0
[mon]
mon data = ${folder}/mon
mon cluster log to file = false
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail warn = 1
mon data avail crit = 1
[osd]
osd data = ${folder}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
osd class update on start = false
[client.rgw]
rgw data = ${folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:${gatewayPort} tcp_nodelay=1
rgw thread pool size = 64
rgw override bucket index max shards = 1
`;
}
