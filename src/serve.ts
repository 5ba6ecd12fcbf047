import { once } from "node:events";
import { readFileSync } from "node:fs";
import { flushCompileCache } from "node:module";
import type { AddressInfo } from "node:net";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { rename, rm, writeFile } from "./base/world-files.ts";
import { authenticate, authenticateProgram } from "./access/authenticate.ts";
import { openKeyring } from "./access/sealing.ts";
import { ensureAdminToken } from "./access/tokens.ts";
import { systemClock as clock } from "./base/clock.ts";
import type { ServeOptions } from "./cli/machine.ts";
import { findConfigurationFile } from "./configuration/home.ts";
import { loadSettings, type Settings } from "./configuration/settings.ts";
import { createControl } from "./control/control.ts";
import { EnvironmentService } from "./control/preparation/environment-service.ts";
import { isLoopback, type ListenAddress } from "./configuration/address.ts";
import { createDataStores } from "./datastores/open-store.ts";
import { TransferBudget } from "./datastores/transfer-budget.ts";
import { addressUnusable } from "./domain/errors.ts";
import { openTracker } from "./engines/local/choose-tracker.ts";
import { createLocalEngine } from "./engines/local/local-engine.ts";
import { findDevices } from "./engines/local/devices.ts";
import { readGpuUsage } from "./engines/local/gpu-usage.ts";
import { pathFor } from "./environments/learner-path.ts";
import { writeProgramFolder } from "./environments/program-folder.ts";
import { reportingContext } from "./control/preparation/launcher.ts";
import { homeEnvironments } from "./home-environments.ts";
import { prepareHome, removeUnfinished } from "./home-folders.ts";
import { createApp } from "./server/app.ts";
import { acquireHomeLock } from "./store/sqlite/home-lock.ts";
import { openSqliteStore } from "./store/sqlite/open.ts";

/** Runs the server until SIGTERM or SIGINT. Learners live on; the next server takes them over. */
export async function serve(options: ServeOptions): Promise<number> {
  // Asked for first, so that a signal during the start is not lost.
  const ending = Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
  const { home } = options;
  const file = findConfigurationFile(home, options.config ?? undefined, process.env);
  const flags = options.listen === null ? {} : { listen: options.listen };
  const settings = loadSettings({ file, env: process.env, flags });

  await prepareHome(home);
  using _lock = await acquireHomeLock(home);
  await removeUnfinished(home);
  // Probes and builds keep their temporary files where the next server sweeps, however this one ends.
  process.env["TMPDIR"] = join(home, "tmp");
  await using server = await startServer(home, settings);
  const serverFile = await writeServerFile(home, server.url);
  process.stdout.write(`Trainyard is ready at ${server.url} (home: ${home})\n`);
  // Node keeps it at a graceful end only, and the start after a kill is the one that should be quick.
  flushCompileCache();
  await ending;
  await rm(serverFile, { force: true });
  return 0;
}

interface RunningServer extends AsyncDisposable {
  readonly url: string;
}

/** Builds every part, from the database up to the open port; they end in the opposite order. */
async function startServer(home: string, settings: Settings): Promise<RunningServer> {
  await using parts = new AsyncDisposableStack();
  const store = await openSqliteStore({ path: join(home, "trainyard.db"), clock });
  parts.defer(async () => store.close());
  const keyring = await openKeyring(home);
  await ensureAdminToken({ home, tokens: store, clock });
  const tracker = await openTracker(home, clock);
  const engine = createLocalEngine({ clock, tracker });
  parts.defer(async () => engine.close());
  const { allow, allowPrivate } = settings.network;
  const dataStores = createDataStores({
    embeddedRoot: join(home, "buckets"),
    allowedRoots: settings.directoryRoots,
    network: { allow, allowPrivate: allowPrivate ?? isLoopback(settings.listen) },
    retry: settings.storeRetry,
    clock,
    onRetry: (store, { error, ...fact }) =>
      app.log.warn({ store, ...fact, error: error.message }, "a request to a data store failed; trying again"),
  });
  const devices = await findDevices({ cpuSlots: settings.cpuSlots });
  const hasGpu = devices.some(({ kind }) => kind === "nvidia");
  const environments = homeEnvironments(home, settings, { hasGpu, clock, asksIndex: true });
  const control = createControl({
    home,
    clock,
    store,
    engine,
    dataStores,
    environments: environments.catalogue,
    machine: { cores: availableParallelism(), devices },
    archiveLimits: { totalBytes: settings.limits.unpackedBytes, entries: settings.limits.unpackedEntries },
    // The app, which owns the log, needs the service that is being made here; nothing is logged before both are there.
    log: {
      info: (fields, message) => app.log.info(fields, message),
      warn: (fields, message) => app.log.warn(fields, message),
      error: (fields, message) => app.log.error(fields, message),
    },
    retentionDays: settings.retentionDays,
    deleteUndoMs: settings.deleteUndoMs,
    stopGraceMs: settings.stopGraceMs,
    cacheMaxBytes: settings.cacheMaxBytes,
    transfers: new TransferBudget(settings.transfer, clock),
    attemptRules: {
      defaultTimeLimitMs: settings.timeLimits.defaultMs,
      maxTimeLimitMs: settings.timeLimits.maxMs,
      maxRetries: settings.retries.max,
      retryDelayMs: settings.retries.delayMs,
    },
    resultsGiveUpMs: settings.resultsGiveUpMs,
    logMaxBytes: settings.logMaxBytes,
    pathFor: async (environment) =>
      pathFor(environment, await writeProgramFolder(environment, join(home, "environments"))),
    resources: { meter: engine, readGpus: async () => readGpuUsage() },
    reportingFor: (runId) => {
      const url = reachedAt(app.server.address(), settings.listen);
      return url === null
        ? null
        : { url: `${url}/api/v1/runs/${runId}/metrics`, token: keyring.tokenFor(reportingContext(runId)) };
    },
    keyring,
  });
  const environmentService = new EnvironmentService({ home, store, environments });
  const app = createApp({
    runs: control.runs,
    environments: environmentService,
    cache: control.cache,
    metrics: control.metrics,
    figures: control.figures,
    authenticateProgram: (header, runId) =>
      authenticateProgram(header, runId, (id, token) => keyring.isTokenFor(reportingContext(id), token)),
    authenticate: async (header) => authenticate(header, async (sha256) => store.findToken(sha256)),
    settings: {
      definitionBytes: settings.limits.definitionBytes,
      manifestBytes: settings.limits.manifestBytes,
      temporaryDirectory: join(home, "tmp"),
    },
    version: productVersion(),
    logger: { level: settings.logLevel, stream: process.stderr },
  });
  parts.defer(async () => control.stop());
  parts.defer(() => environmentService.close());
  await control.start();
  parts.defer(async () => app.close());
  await listen(app, settings.listen);
  tracker.removeAbandoned().catch((error: unknown) => {
    app.log.warn({ error: String(error) }, "control groups of servers before could not be removed");
  });
  // The first submission should not have to wait for it; who asks meanwhile shares this look.
  const probing = new AbortController();
  parts.defer(() => probing.abort());
  environments.catalogue.list(probing.signal).catch((error: unknown) => {
    if (!probing.signal.aborted) app.log.warn({ error: String(error) }, "probing failed");
  });
  const started = parts.move();
  return { url: urlOf(app.server.address() as AddressInfo), [Symbol.asyncDispose]: async () => started.disposeAsync() };
}

const LISTEN_FACTS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program uses this port",
  EACCES: "this user may not use this port",
  EADDRNOTAVAIL: "this machine does not have this address",
  ENOTFOUND: "this host name is not known",
};

async function listen(app: FastifyInstance, { host, port }: ListenAddress): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    throw addressUnusable(`${host}:${port}`, LISTEN_FACTS[code] ?? code, error);
  }
}

/** Where programs on this machine reach the server; null while the port that it will get is not known. */
function reachedAt(bound: AddressInfo | string | null, { host, port }: ListenAddress): string | null {
  if (bound !== null && typeof bound !== "string") return urlOf(bound);
  return port === 0 ? null : urlOf({ address: host, family: host.includes(":") ? "IPv6" : "IPv4", port });
}

function urlOf({ address, family, port }: AddressInfo): string {
  const isAny = address === "0.0.0.0" || address === "::";
  if (isAny) return `http://127.0.0.1:${port}`;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}

/** Programs on this machine find the server by this file. Renamed into place: nobody reads half of it. */
async function writeServerFile(home: string, url: string): Promise<string> {
  const path = join(home, "server.json");
  const draft = `${path}.draft`;
  await writeFile(draft, `${JSON.stringify({ url, pid: process.pid })}\n`, { mode: 0o600 });
  await rename(draft, path);
  return path;
}

function productVersion(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
