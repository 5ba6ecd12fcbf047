import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { Agent, type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packDirectory } from "../src/archive/pack-archive.ts";
import type { RunView } from "../src/contract/run.ts";

export const ROOT = join(import.meta.dirname, "..");
export const TRAINYARD = join(ROOT, "bin", "trainyard");

/** How much of a log is enough to see why a server ended. */
const LAST_WORDS = 2000;

const READY = /ready at (http:\S+)/;

/** A folder under the temporary directory that goes when its owner does. */
export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
}

export async function makeTemporaryFolder(name: string, within = tmpdir()): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(within, `trainyard-bench-${name}-`));
  const remove = async (): Promise<void> => rm(path, { recursive: true, force: true, maxRetries: 3 });
  return { path, [Symbol.asyncDispose]: remove };
}

/** The settings of whoever measures stay out of what is measured. */
export function smallEnvironment(): { readonly PATH: string; readonly HOME: string } {
  const { PATH = "", HOME = "" } = process.env;
  return { PATH, HOME };
}

/** A real server process. Disposing of it ends it politely. */
export interface Service extends AsyncDisposable {
  readonly pid: number;
  readonly home: string;
  readonly url: string;
  readonly token: string;
  /** From just before the spawn until its ready line was read. */
  readonly readyMs: number;
  submit(zip: Uint8Array, manifest: string): Promise<RunView>;
  /** Waits, in one request for each change, until the run has ended. */
  waitForEnd(id: string): Promise<RunView>;
  list(state: string, limit?: number): Promise<readonly RunView[]>;
  has(id: string): Promise<boolean>;
  stopRun(id: string): Promise<void>;
  /** The end that no program can prepare for. Learners live on. */
  kill(): Promise<void>;
}

export async function startService(home: string, environment: Record<string, string> = {}): Promise<Service> {
  // Into a file: read by us, it would take time on the same cores.
  const logFile = `${home}.log`;
  const log = openSync(logFile, "w");
  const startMs = performance.now();
  const env = { ...smallEnvironment(), ...environment };
  const args = ["serve", "--home", home, "--listen", "127.0.0.1:0"];
  const child = spawn(TRAINYARD, args, { env, stdio: ["ignore", "pipe", log] });
  closeSync(log);
  const exited = once(child, "exit");
  // A benchmark that breaks down disposes of nothing.
  const abandon = (): void => void child.kill("SIGTERM");
  process.once("exit", abandon);
  const { stdout } = child;
  if (stdout === null) throw new TypeError("The server was spawned without stdout.");
  let printed = "";
  let url: string | undefined;
  for await (const text of stdout.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
    printed += text as string;
    url = READY.exec(printed)?.[1];
    if (url !== undefined) break;
  }
  const readyMs = performance.now() - startMs;
  const pid = child.pid;
  if (url === undefined || pid === undefined) {
    const said = await readFile(logFile, "utf8");
    throw new Error(`The server ended before it was ready: ${said.slice(-LAST_WORDS)}`);
  }
  const token = (await readFile(join(home, "admin-token"), "utf8")).trim();
  const client = new ApiClient(url, token);
  return {
    pid,
    home,
    url,
    token,
    readyMs,
    submit: async (zip, manifest) => client.submit(zip, manifest),
    waitForEnd: async (id) => client.waitForEnd(id),
    list: async (state, limit) => client.list(state, limit),
    has: async (id) => client.has(id),
    stopRun: async (id) => client.stopRun(id),
    kill: async () => {
      child.kill("SIGKILL");
      await exited;
    },
    [Symbol.asyncDispose]: async () => {
      client.close();
      process.off("exit", abandon);
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/** Requests over one connection that stays open, as a program that submits many runs makes them. */
class ApiClient {
  readonly #url: string;
  readonly #token: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  async submit(zip: Uint8Array, manifest: string): Promise<RunView> {
    const headers = {
      "content-type": "application/zip",
      "trainyard-manifest": Buffer.from(manifest).toString("base64"),
    };
    return (await this.#call("POST", "/api/v1/runs", headers, zip)) as RunView;
  }

  async waitForEnd(id: string): Promise<RunView> {
    let run = (await this.#call("GET", `/api/v1/runs/${id}`)) as RunView;
    while (run.endedAt === null) {
      const path = `/api/v1/runs/${id}?afterVersion=${run.version}&waitSeconds=60`;
      run = (await this.#call("GET", path)) as RunView;
    }
    return run;
  }

  async has(id: string): Promise<boolean> {
    return this.#call("GET", `/api/v1/runs/${id}`).then(
      () => true,
      (error: unknown) => {
        if (String(error).includes(": 404 ")) return false;
        throw error;
      },
    );
  }

  async list(state: string, limit = 1000): Promise<readonly RunView[]> {
    const page = (await this.#call("GET", `/api/v1/runs?limit=${limit}&state=${state}`)) as {
      runs: readonly RunView[];
    };
    return page.runs;
  }

  async stopRun(id: string): Promise<void> {
    const body = Buffer.from(JSON.stringify({ graceSeconds: 0 }));
    await this.#call("POST", `/api/v1/runs/${id}/stop`, { "content-type": "application/json" }, body);
  }

  close(): void {
    this.#agent.destroy();
  }

  async #call(method: string, path: string, headers: Record<string, string> = {}, body?: Uint8Array): Promise<unknown> {
    const sent = request(this.#url + path, {
      method,
      agent: this.#agent,
      headers: { ...headers, authorization: `Bearer ${this.#token}`, "content-length": body?.length ?? 0 },
    });
    const answered = once(sent, "response");
    sent.end(body);
    const [answer] = (await answered) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    if ((answer.statusCode ?? 500) >= 300) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
    return JSON.parse(text);
  }
}

/** A model definition of these files. */
export async function makeZip(files: Readonly<Record<string, string>>): Promise<Uint8Array> {
  await using folder = await makeTemporaryFolder("zip");
  const zip = join(folder.path, "model.zip");
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder.path, name), text);
  await packDirectory(folder.path, zip);
  return await readFile(zip);
}

/** A manifest in JSON, which is YAML too: a run without framework and without data. */
export function shellManifest(command: string): string {
  const framework = { name: "shell", version: "any" };
  return JSON.stringify({ model_definition: { name: "bench", framework, execution: { command } } });
}
