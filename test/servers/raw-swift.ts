import { randomBytes } from "node:crypto";
import type { SwiftKeystone } from "./swift-keystone.ts";

/** Requests to a Swift server that the client under test does not make, by plain fetch. */
export class RawSwift {
  readonly storageUrl: string;
  readonly #token: string;

  private constructor(storageUrl: string, token: string) {
    this.storageUrl = storageUrl;
    this.#token = token;
  }

  /** As the trainer, in the first region. */
  static async login(server: SwiftKeystone): Promise<RawSwift> {
    const user = { name: server.userName, password: server.password, domain: { name: server.domainName } };
    const auth = {
      identity: { methods: ["password"], password: { user } },
      scope: { project: { id: server.projectId } },
    };
    const answer = await fetch(`${server.authUrl}/auth/tokens`, {
      method: "POST",
      body: JSON.stringify({ auth }),
      headers: { "content-type": "application/json", connection: "close" },
    });
    const storageUrl = `${server.s3.endpoint}/v1/AUTH_${server.projectId}`;
    return new RawSwift(storageUrl, answer.headers.get("x-subject-token") ?? "");
  }

  /** An empty container with a name of its own. */
  async makeContainer(): Promise<string> {
    const name = `bucket-${randomBytes(6).toString("hex")}`;
    await this.send("PUT", name);
    return name;
  }

  async send(
    method: string,
    path: string,
    body: string | Uint8Array<ArrayBuffer> | null = null,
    headers = {},
  ): Promise<Response> {
    const all = { "x-auth-token": this.#token, connection: "close", ...headers };
    const answer = await fetch(`${this.storageUrl}/${path}`, { method, body, headers: all });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  }

  /** The names in a container. */
  async names(container: string): Promise<string[]> {
    const text = await (await this.send("GET", container)).text();
    return text.split("\n").filter((name) => name !== "");
  }

  /** An object in segments that stand in a container of their own; gives that container. */
  async putStatic(container: string, key: string, segments: readonly string[]): Promise<string> {
    const of = await this.#putSegments(segments);
    const list = segments.map((_, index) => ({ path: `/${of}/seg/${index}` }));
    await this.send("PUT", `${container}/${key}?multipart-manifest=put`, JSON.stringify(list));
    return of;
  }

  async putDynamic(container: string, key: string, segments: readonly string[]): Promise<string> {
    const of = await this.#putSegments(segments);
    await this.send("PUT", `${container}/${key}`, "", { "x-object-manifest": `${of}/seg/` });
    return of;
  }

  async #putSegments(segments: readonly string[]): Promise<string> {
    const container = await this.makeContainer();
    for (const [index, text] of segments.entries()) await this.send("PUT", `${container}/seg/${index}`, text);
    return container;
  }
}
