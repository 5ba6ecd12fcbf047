import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { S3Place } from "./peers/s3-tools.ts";

type Counts = Record<"list" | "get" | "range" | "head" | "other" | "bytes", number>;

export interface MemoryServer extends AsyncDisposable {
  readonly place: Omit<S3Place, "bucket">;
  /** What was asked for since the last call. */
  counts(): Promise<Counts>;
}

/** `bench/memory-s3-server.ts` in a process of its own; buckets are `NAME:COUNT:SIZE`. */
export async function startMemoryServer(buckets: readonly string[]): Promise<MemoryServer> {
  const program = join(import.meta.dirname, "memory-s3-server.ts");
  const child = spawn(process.execPath, [program, ...buckets], { stdio: ["pipe", "pipe", "inherit"] });
  const [port] = (await once(createInterface(child.stdout), "line")) as [string];
  const endpoint = `http://127.0.0.1:${port}`;
  return {
    place: { endpoint, accessKeyId: "bench", secretAccessKey: "bench" },
    counts: async () => {
      const answer = await fetch(`${endpoint}/_counts`);
      return (await answer.json()) as Counts;
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      if (child.exitCode === null) await once(child, "exit");
    },
  };
}

const CONNECTIONS = 8;

/**
 * How many answers a second the server gives to a client that does nothing with them: the same request again and again,
 * the next one written as soon as the last byte has come. What a tool cannot exceed.
 */
export async function answersPerSecond(
  endpoint: string,
  path: string,
  bodyBytes: number,
  forMs: number,
): Promise<number> {
  const { hostname, port, host } = new URL(endpoint);
  const request = `GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`;
  const startMs = performance.now();
  let answers = 0;
  const line = async (): Promise<void> => {
    const socket = connect(Number(port), hostname);
    let came = 0;
    let whole = Number.POSITIVE_INFINITY;
    socket.write(request);
    for await (const piece of socket as AsyncIterable<Buffer>) {
      if (whole === Number.POSITIVE_INFINITY) whole = piece.indexOf("\r\n\r\n") + 4 + bodyBytes;
      came += piece.length;
      if (came < whole) continue;
      came = 0;
      answers += 1;
      if (performance.now() > startMs + forMs) return;
      socket.write(request);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, line));
  return (1000 * answers) / (performance.now() - startMs);
}
