import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { Daemons, freePorts } from "./daemons.ts";
import { KeystoneAdmin } from "./keystone-admin.ts";
import { requirePrograms } from "./programs.ts";
import {
  fernetKey,
  keystoneConfiguration,
  LAUNCHER,
  type Ports,
  proxyConfiguration,
  RING_BUILDER,
  STORAGE_SERVERS,
  storageConfiguration,
  SWIFT_CONFIGURATION,
  V1_USER,
  v1ProxyConfiguration,
} from "./swift-configuration.ts";

/**
 * A real OpenStack Swift with a real Keystone for tests, on one disk and all on 127.0.0.1:
 *
 *   test ──v3──▶ keystone ◀──is this token good?── proxy ◀──Swift, S3, auth v1── test
 *                   └ sqlite                         ├──▶ memcached
 *                                                    └──▶ account, container, object ◀── proxy with auth v1
 */
export const SWIFT_PROGRAMS = [
  "keystone-manage",
  "keystone-wsgi-public",
  "memcached",
  "swift-account-server",
  "swift-container-server",
  "swift-object-server",
  "swift-proxy-server",
  "uwsgi_python3",
] as const;

export interface Login {
  readonly userName: string;
  readonly password: string;
}

export interface SwiftKeystone extends Login, AsyncDisposable {
  /** With `/v3` at its end. */
  readonly authUrl: string;
  readonly projectId: string;
  readonly domainName: string;
  readonly region: string;
  /** Another region of the same catalogue; its containers are others. */
  readonly otherRegion: string;
  /** May read everything in the project. */
  readonly reader: Login;
  /** Has no role in the project. */
  readonly stranger: Login;
  readonly v1: Login & { readonly authUrl: string };
  readonly s3: { readonly endpoint: string; readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Another Keystone on the same database, whose tokens live so long only. Gives its address. */
  startKeystone(tokenSeconds: number): Promise<string>;
  stop(): Promise<void>;
}

/** From nothing to a container; 17 s on a quiet machine with two cores, most of them Keystone making its tables. */
const START_DEADLINE_MS = 110_000;

const REGION = "dallas";
const OTHER_REGION = "london";
/** Bluemix had numbers for names. */
const DOMAIN = "1234567";

export async function startSwiftKeystone(): Promise<SwiftKeystone> {
  requirePrograms(SWIFT_PROGRAMS);
  const folder = await mkdtemp(join(tmpdir(), "ty-swift-"));
  const daemons = new Daemons(folder);
  try {
    return await new Cloud(daemons, await choosePorts()).start(AbortSignal.timeout(START_DEADLINE_MS));
  } catch (error) {
    const report = await daemons.lastWords();
    await daemons.stop();
    throw new Error(`Swift and Keystone did not start.\n${report}`, { cause: error });
  }
}

async function choosePorts(): Promise<Ports> {
  const [keystone = 0, proxy = 0, v1Proxy = 0, account = 0, container = 0, object = 0, memcached = 0] =
    await freePorts(7);
  return { keystone, proxy, v1Proxy, account, container, object, memcached };
}

class Cloud {
  readonly #daemons: Daemons;
  readonly #ports: Ports;
  readonly #passwords = { admin: randomPassword(), service: randomPassword(), user: randomPassword() };
  readonly #authUrl: string;
  readonly #proxyUrl: string;
  readonly #v1Url: string;

  constructor(daemons: Daemons, ports: Ports) {
    this.#daemons = daemons;
    this.#ports = ports;
    this.#authUrl = `http://127.0.0.1:${ports.keystone}/v3`;
    this.#proxyUrl = `http://127.0.0.1:${ports.proxy}`;
    this.#v1Url = `http://127.0.0.1:${ports.v1Proxy}`;
  }

  async start(signal: AbortSignal): Promise<SwiftKeystone> {
    await this.#writeFiles();
    await Promise.all([this.#startSwift(signal), this.#makeKeystoneTables(signal)]);
    await this.#launchKeystone("keystone", this.#ports.keystone, signal);
    const made = await this.#fillKeystone();
    for (const url of [this.#proxyUrl, this.#v1Url]) await this.#daemons.untilAnswers(`${url}/healthcheck`, signal);
    const stop = async (): Promise<void> => this.#daemons.stop();
    const password = this.#passwords.user;
    return {
      authUrl: this.#authUrl,
      userName: "trainer",
      password,
      domainName: DOMAIN,
      region: REGION,
      otherRegion: OTHER_REGION,
      reader: { userName: "reader", password },
      stranger: { userName: "stranger", password },
      v1: { ...V1_USER, authUrl: `${this.#v1Url}/auth/v1.0` },
      ...made,
      startKeystone: async (tokenSeconds) => this.#startAnotherKeystone(tokenSeconds),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  }

  async #writeFiles(): Promise<void> {
    const { folder } = this.#daemons;
    for (const name of ["fernet", "credential", "devices/disk"])
      await mkdir(this.#path(name), { recursive: true, mode: 0o700 });
    const login = { authUrl: this.#authUrl, password: this.#passwords.service };
    const files: Record<string, string> = {
      "keystone/keystone.conf": keystoneConfiguration(folder, 3600),
      "swift.conf": SWIFT_CONFIGURATION,
      "launcher.py": LAUNCHER,
      "rings.py": RING_BUILDER,
      "proxy.conf": proxyConfiguration(folder, this.#ports, REGION, login),
      "v1-proxy.conf": v1ProxyConfiguration(folder, this.#ports),
      // Keys 0 and 1: the next one and the one in use.
      "fernet/0": fernetKey(),
      "fernet/1": fernetKey(),
      "credential/0": fernetKey(),
      "credential/1": fernetKey(),
    };
    for (const name of STORAGE_SERVERS) {
      files[`${name}.conf`] = storageConfiguration(folder, name, this.#ports[name]);
    }
    await mkdir(this.#path("keystone"));
    for (const [name, text] of Object.entries(files)) await writeFile(this.#path(name), text, { mode: 0o600 });
  }

  async #startSwift(signal: AbortSignal): Promise<void> {
    const { memcached } = this.#ports;
    const rings = STORAGE_SERVERS.map((name) => `${name}:${this.#ports[name]}`);
    const swiftConf = this.#path("swift.conf");
    await this.#daemons.run(
      "/usr/bin/python3",
      [this.#path("rings.py"), swiftConf, this.#daemons.folder, ...rings],
      signal,
    );
    for (const name of [...STORAGE_SERVERS, "proxy", "v1-proxy"]) {
      const kind = name === "v1-proxy" ? "proxy" : name;
      const args = [this.#path("launcher.py"), swiftConf, kind, this.#path(`${name}.conf`)];
      await this.#daemons.launch(name, "/usr/bin/python3", args);
    }
    const who = ["-u", userInfo().username];
    await this.#daemons.launch("memcached", "memcached", [
      ...who,
      "-l",
      "127.0.0.1",
      "-p",
      String(memcached),
      "-U",
      "0",
    ]);
  }

  async #makeKeystoneTables(signal: AbortSignal): Promise<void> {
    const conf = ["--config-file", this.#path("keystone/keystone.conf")];
    await this.#daemons.run("keystone-manage", [...conf, "db_sync"], signal);
    const admin = ["--bootstrap-password", this.#passwords.admin, "--bootstrap-region-id", REGION];
    const faces = ["public", "internal", "admin"].flatMap((face) => [`--bootstrap-${face}-url`, this.#authUrl]);
    await this.#daemons.run("keystone-manage", [...conf, "bootstrap", ...admin, ...faces], signal);
    // Without it a reader makes a writer fail: "database is locked".
    const program = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('pragma journal_mode=wal')";
    await this.#daemons.run("/usr/bin/python3", ["-c", program, this.#path("keystone.db")], signal);
  }

  async #launchKeystone(name: string, port: number, signal: AbortSignal): Promise<void> {
    const args = ["--plugins", "python3", "--http-socket", `127.0.0.1:${port}`, "--processes", "1", "--threads", "1"];
    const app = ["--need-app", "--buffer-size", "65535", "--wsgi-file", "/usr/bin/keystone-wsgi-public"];
    // This server closes kept connections without a word; Swift's proxy would take that for a bad token.
    const header = ["--add-header", "Connection: close"];
    const env = { OS_KEYSTONE_CONFIG_DIR: this.#path(name) };
    await this.#daemons.launch(name, "uwsgi_python3", [...args, ...app, ...header], env);
    await this.#daemons.untilAnswers(`http://127.0.0.1:${port}/v3`, signal);
  }

  async #startAnotherKeystone(tokenSeconds: number): Promise<string> {
    const [port = 0] = await freePorts(1);
    const name = `keystone-${port}`;
    await mkdir(this.#path(name));
    const text = keystoneConfiguration(this.#daemons.folder, tokenSeconds);
    await writeFile(join(this.#path(name), "keystone.conf"), text);
    await this.#launchKeystone(name, port, AbortSignal.timeout(START_DEADLINE_MS));
    return `http://127.0.0.1:${port}/v3`;
  }

  async #fillKeystone(): Promise<Pick<SwiftKeystone, "projectId" | "s3">> {
    const { admin: adminPassword, service: servicePassword, user: password } = this.#passwords;
    const root = { name: "admin", password: adminPassword, domain: { name: "Default" } };
    const admin = await KeystoneAdmin.login(this.#authUrl, root, { name: "admin", domain: root.domain });
    const service = await admin.createProject("service", "default");
    await admin.grant(service, await admin.createUser("swift", servicePassword, "default"), "admin");
    const domainId = await admin.createDomain(DOMAIN);
    const projectId = await admin.createProject("training", domainId);
    const trainer = await admin.createUser("trainer", password, domainId);
    await admin.grant(projectId, trainer, "member");
    await admin.grant(projectId, await admin.createUser("reader", password, domainId), "reader");
    await admin.createUser("stranger", password, domainId);
    await admin.createRegion(OTHER_REGION);
    const swift = await admin.createService("object-store");
    await admin.createEndpoint(swift, REGION, `${this.#proxyUrl}/v1/AUTH_%(project_id)s`);
    await admin.createEndpoint(swift, OTHER_REGION, `${this.#proxyUrl}/v1/TWO_%(project_id)s`);
    const user = { name: "trainer", password, domain: { name: DOMAIN } };
    const own = await KeystoneAdmin.login(this.#authUrl, user, { id: projectId });
    return { projectId, s3: { endpoint: this.#proxyUrl, ...(await own.createKeys(trainer, projectId)) } };
  }

  #path(name: string): string {
    return this.#daemons.path(name);
  }
}

function randomPassword(): string {
  return randomBytes(15).toString("hex");
}
