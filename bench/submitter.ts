import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import type { Service } from "./service.ts";

/** Submits one run again and again over connections that stay open. */
export interface Submitter extends Disposable {
  /** `count` submissions, each connection sending its next one when the one before was answered. Gives the ids of those answered with 201. */
  submit(count: number): Promise<readonly string[]>;
  /** One, and how long its answer took, in ms. */
  timeOne(): Promise<number>;
}

/** `connections` is also the number of clients: each has one request under way. */
export function openSubmitter(service: Service, zip: Uint8Array, manifest: string, connections: number): Submitter {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const options = {
    method: "POST",
    agent,
    headers: {
      "content-type": "application/zip",
      "content-length": zip.byteLength,
      "trainyard-manifest": Buffer.from(manifest).toString("base64"),
      authorization: `Bearer ${service.token}`,
    },
  };
  const one = async (): Promise<string> => {
    const sent = request(`${service.url}/api/v1/runs`, options);
    const answered = once(sent, "response");
    sent.end(zip);
    const [answer] = (await answered) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    if (answer.statusCode !== 201) throw new Error(`A submission was answered with ${answer.statusCode}: ${text}`);
    return (JSON.parse(text) as { id: string }).id;
  };
  return {
    submit: async (count) => {
      const ids: string[] = [];
      let left = count;
      const client = async (): Promise<void> => {
        while ((left -= 1) >= 0) ids.push(await one());
      };
      const ends = await Promise.allSettled(Array.from({ length: connections }, client));
      const failed = ends.find((end) => end.status === "rejected");
      // A server that was killed leaves those that it had answered.
      if (failed !== undefined && ids.length === count) throw failed.reason;
      return ids;
    },
    timeOne: async () => {
      const startMs = performance.now();
      await one();
      return performance.now() - startMs;
    },
    [Symbol.dispose]: () => agent.destroy(),
  };
}
