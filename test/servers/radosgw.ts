import { randomBytes, randomUUID } from "node:crypto";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Daemons, freePorts } from "./daemons.ts";
import { requirePrograms } from "./programs.ts";

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

export async function startRadosgw(): Promise<Radosgw> {
  requirePrograms(RADOSGW_PROGRAMS);
  const daemons = new Daemons(await makeFolder());
  try {
    return await new Cluster(daemons, AbortSignal.timeout(START_DEADLINE_MS)).start();
  } catch (error) {
    const report = await daemons.lastWords();
    await daemons.stop();
    throw new Error(`radosgw did not start.\n${report}`, { cause: error });
  }
}

async function makeFolder(): Promise<string> {
  const base = tmpdir().length + 20 <= MAX_FOLDER_LENGTH ? tmpdir() : "/tmp";
  return mkdtemp(join(base, "ty-rgw-"));
}

class Cluster {
  readonly #daemons: Daemons;
  readonly #deadline: AbortSignal;

  constructor(daemons: Daemons, deadline: AbortSignal) {
    this.#daemons = daemons;
    this.#deadline = deadline;
  }

  async start(): Promise<Radosgw> {
    const [monitorPort = 0, gatewayPort = 0] = await freePorts(2);
    const { folder } = this.#daemons;
    const fsid = randomUUID();
    for (const name of ["mon", "osd", "rgw", "run"]) await mkdir(this.#path(name));
    await writeFile(this.#path("keyring"), keyring(), { mode: 0o600 });
    await writeFile(this.#path("ceph.conf"), configuration(folder, fsid, monitorPort, gatewayPort));
    await this.#startMonitor(fsid, monitorPort);
    await this.#startStorage();
    await this.#launch("rgw", "radosgw", ["-f", "-n", "client.rgw"]);
    const endpoint = `http://127.0.0.1:${gatewayPort}`;
    const keys = makeKeys("trainer");
    const other = makeKeys("stranger");
    await Promise.all([
      this.#makeUser("trainer", keys),
      this.#makeUser("stranger", other),
      this.#daemons.untilAnswers(endpoint, this.#deadline),
    ]);
    const stop = async (): Promise<void> => this.#daemons.stop();
    return { endpoint, region: "default", ...keys, other, stop, [Symbol.asyncDispose]: stop };
  }

  async #startMonitor(fsid: string, port: number): Promise<void> {
    const map = this.#path("monmap");
    const monitor = ["--create", "--fsid", fsid, "--addv", "a", `[v2:127.0.0.1:${port}]`, map];
    await this.#daemons.run("monmaptool", monitor, this.#deadline);
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

  async #run(program: string, args: readonly string[]): Promise<void> {
    await this.#daemons.run(program, ["-c", this.#path("ceph.conf"), ...args], this.#deadline);
  }

  async #launch(name: string, program: string, args: readonly string[]): Promise<void> {
    await this.#daemons.launch(name, program, ["-c", this.#path("ceph.conf"), ...args]);
  }

  #path(name: string): string {
    return this.#daemons.path(name);
  }
}

function makeKeys(name: string): S3Keys {
  return { accessKeyId: `${name.toUpperCase()}KEY`, secretAccessKey: randomBytes(20).toString("hex") };
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
crash dir = ${folder}/run
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
