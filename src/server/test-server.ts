import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import type { Run } from "../domain/run.ts";
import { environmentNotFound } from "../domain/environment-errors.ts";
import { notAuthenticated } from "../domain/errors.ts";
import { createApp } from "./app.ts";
import { ScriptedRunService } from "./scripted-run-service.ts";

export const TOKEN = "Bearer test-token";

/** A server over scripted runs in folders of its own, for one test. */
export interface TestServer extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly runs: ScriptedRunService;
  readonly logLines: string[];
  /** Listens on a free port; gives the URL. */
  listen(): Promise<string>;
  /** Puts a run in the queue without HTTP. */
  addRun(name?: string): Promise<Run>;
  /** Names of uploads that were neither taken over nor removed. */
  leftovers(): Promise<string[]>;
}

export async function startTestServer(limits: { definitionBytes?: number } = {}): Promise<TestServer> {
  const directory = await mkdtemp(join(tmpdir(), "trainyard-server-"));
  const temporaryDirectory = join(directory, "tmp");
  await mkdir(temporaryDirectory);
  const runs = new ScriptedRunService(directory);
  const logLines: string[] = [];
  const app = createApp({
    runs,
    cache: {
      figures: () => ({
        objects: 2,
        sizeBytes: 8192,
        maxBytes: 1_000_000,
        heldTrees: 1,
        hitObjects: 3,
        hitBytes: 300,
        missObjects: 1,
        missBytes: 100,
      }),
      view: async () => ({ name: "a copy", refused: ["An overlay cannot be mounted: denied"] }),
      clear: async () => 4096,
    },
    figures: {
      read: async () => ({
        runsByState: { pending: 1, downloading: 0, running: 2, storing: 0, completed: 0, failed: 0, canceled: 0 },
        queueLength: 1,
        deviceUse: [{ kind: "cpu_slot", use: "held", count: 2 }],
        cacheFigures: {
          objects: 2,
          sizeBytes: 8192,
          maxBytes: 1_000_000,
          heldTrees: 1,
          hitObjects: 3,
          hitBytes: 300,
          missObjects: 1,
          missBytes: 100,
        },
        metricPoints: 7,
      }),
    },
    metrics: {
      list: async (id) => ({ run: await runs.get(id), summaries: [] }),
      // One curve for each run, as wide as was wanted.
      chart: async (ids, _keys, { axis, buckets }) => ({
        grid: { axis, width: 1, first: 0, count: buckets },
        series: ids.map((folder) => ({
          curve: { folder, key: "loss" },
          buckets: Array.from({ length: buckets }, (_, index) => ({
            index,
            node: Float64Array.from({ length: 12 }, (_number, field) =>
              field < 8 ? -Math.PI * 10 ** (field - 20) : 99_999,
            ),
          })),
        })),
      }),
      runOf: ({ folder }) => folder,
      summariesOf: async () => [],
      report: async (id) => void (await runs.get(id)),
      waitForNews: async () => undefined,
    },
    authenticateProgram: (header, id) => {
      if (header !== `Bearer program of ${id}`) throw notAuthenticated("The request has no valid token.");
    },
    environments: {
      list: async () => ({ environments: [], building: [], installer: null, buildable: [] }),
      build: async () => undefined,
      remove: async (id) => {
        throw environmentNotFound(id);
      },
    },
    authenticate: async (header) => {
      if (header !== TOKEN) throw notAuthenticated("The request has no valid token.");
      return { account: "admin", role: "admin" };
    },
    settings: { definitionBytes: limits.definitionBytes ?? 1_000_000, manifestBytes: 10_000, temporaryDirectory },
    version: "1.2.3",
    logger: { level: "debug", stream: { write: (line) => logLines.push(line) } },
  });
  return {
    app,
    runs,
    logLines,
    listen: async () => {
      await app.listen({ host: "127.0.0.1", port: 0 });
      return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
    },
    addRun: async (name = "a run") => {
      const { run } = await runs.submit(
        {
          zip: { kind: "bytes", bytes: Buffer.of() },
          sha256: "",
          manifest: Buffer.from(name),
          manifestName: "manifest.yaml",
          idempotencyKey: null,
          principal: { account: "admin", role: "admin" },
        },
        new AbortController().signal,
      );
      return run;
    },
    leftovers: () => readdir(temporaryDirectory),
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
