import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunView } from "../../src/contract/run.ts";
import type { MetricList } from "../../src/contract/metrics.ts";
import { hold } from "./violation.ts";
import type { World } from "./world.ts";

/** The server ended during the request, so nobody knows whether it was done. */
export class ServerGone extends Error {}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** HTTP as a careful caller speaks it. Every answer that came is believed; no answer proves nothing. */
export class Client {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  async submit(manifest: string, zip: Uint8Array<ArrayBuffer>, key: string): Promise<string> {
    const body = new FormData();
    body.append("manifest", new Blob([manifest]), "manifest.yaml");
    body.append("model_definition", new Blob([zip]), "model.zip");
    const { status, body: answer } = await this.#send("POST", "", body, { "idempotency-key": key });
    hold(status === 201 || status === 200, 1, `a submission was answered with ${status}: ${answer.toString()}`);
    return (JSON.parse(answer.toString()) as RunView).id;
  }

  async get(id: string): Promise<RunView | null> {
    return runOf(await this.#send("GET", `/${id}`));
  }

  /** The run once its version is greater, or after a while as it is then. */
  async getNext(id: string, afterVersion: number): Promise<RunView | null> {
    return runOf(await this.#send("GET", `/${id}?afterVersion=${afterVersion}&waitSeconds=5`));
  }

  async listNamed(name: string): Promise<readonly RunView[]> {
    const { body } = await this.#send("GET", `?limit=1000&name=${encodeURIComponent(name)}`);
    return (JSON.parse(body.toString()) as { runs: RunView[] }).runs.filter((run) => run.name === name);
  }

  /** All that live. */
  async listUnended(): Promise<readonly RunView[]> {
    const { body } = await this.#send("GET", "?limit=1000&state=downloading,running");
    return (JSON.parse(body.toString()) as { runs: RunView[] }).runs;
  }

  async log(id: string, learner: number, attempt: number): Promise<string> {
    const { status, body } = await this.#send("GET", `/${id}/log?learner=${learner}&attempt=${attempt}`);
    return status === 200 ? body.toString() : "";
  }

  async stop(id: string): Promise<number> {
    const body = JSON.stringify({});
    return (await this.#send("POST", `/${id}/stop`, body, { "content-type": "application/json" })).status;
  }

  /** Can be taken back for a while, or not when it is to be gone `now`. */
  async remove(id: string, now: boolean): Promise<number> {
    return (await this.#send("DELETE", `/${id}?now=${now}&discardResults=${now}`)).status;
  }

  async restore(id: string): Promise<number> {
    return (await this.#send("POST", `/${id}/restore`)).status;
  }

  async retryResults(id: string): Promise<number> {
    return (await this.#send("POST", `/${id}/results/retry`, "{}", { "content-type": "application/json" })).status;
  }

  /** As the run's own program, whose token it takes. */
  async reportMetric(id: string, token: string, key: string, value: number): Promise<number> {
    const body = JSON.stringify({ step: value, values: { [key]: value } });
    const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
    return (await this.#send("POST", `/${id}/metrics`, body, headers)).status;
  }

  /** The last value of each metric, by its name. */
  async metrics(id: string): Promise<Map<string, unknown>> {
    const { status, body } = await this.#send("GET", `/${id}/metrics`);
    hold(status === 200, 8, `metrics were asked for and the answer was ${status}: ${body.toString()}`);
    const { metrics } = JSON.parse(body.toString()) as MetricList;
    return new Map(metrics.map(({ key, last }) => [key, last]));
  }

  async #send(method: string, path: string, body?: FormData | string, headers: Record<string, string> = {}) {
    const { server, home } = this.#world;
    if (server.url === null || !server.isAlive) throw new ServerGone("There is no server.");
    const token = (await readFile(join(home, "admin-token"), "utf8")).trim();
    const gone = server.ended.then(() => {
      throw new ServerGone("The server ended.");
    });
    gone.catch(() => undefined);
    const asked = this.#fetch(`${server.url}/api/v1/runs${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...headers },
      ...(body === undefined ? {} : { body }),
    });
    asked.catch(() => undefined);
    return Promise.race([asked, gone]);
  }

  async #fetch(url: string, request: RequestInit): Promise<Answer> {
    const { server } = this.#world;
    try {
      const answer = await fetch(url, request);
      return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
    } catch (error) {
      // A connection breaks a moment before the end of its process is known.
      await Promise.race([server.ended, new Promise((resolve) => setTimeout(resolve, 2000).unref())]);
      if (server.isAlive) throw error;
      throw new ServerGone(String(error));
    }
  }
}

function runOf({ status, body }: Answer): RunView | null {
  if (status === 404) return null;
  hold(status === 200, 14, `a run was asked for and the answer was ${status}: ${body.toString()}`);
  return JSON.parse(body.toString()) as RunView;
}
