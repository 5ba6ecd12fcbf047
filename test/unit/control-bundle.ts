import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { packDirectory } from "../../src/archive/pack-archive.ts";
import { systemClock, type Clock } from "../../src/base/clock.ts";
import { machineTime, type MachineTime } from "../../src/base/machine-time.ts";
import { unmountBelow } from "../../src/base/mounts.ts";
import { PLAIN_RULES, type AttemptRules } from "../../src/control/queue/attempt-rules.ts";
import { createControl, type Control } from "../../src/control/control.ts";
import { openDirectoryStore } from "../../src/datastores/directory/directory-store.ts";
import type { DataStores } from "../../src/datastores/data-stores.ts";
import type { DataStore } from "../../src/datastores/datastore.ts";
import { directoryRootNotAllowed } from "../../src/domain/errors.ts";
import type { Run } from "../../src/domain/run.ts";
import { isTerminal } from "../../src/domain/run-state.ts";
import { ScriptedWorld, type Script } from "../../src/engines/scripted/scripted-engine.ts";
import type { Engine, LearnerTask } from "../../src/engines/engine.ts";
import type { EnvironmentCatalogue } from "../../src/environments/environment.ts";
import { prepareHome } from "../../src/home-folders.ts";
import type { Store } from "../../src/store/store.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import { QUICK_FOLDER } from "../fixtures/quick-folder.ts";
import { withMethods } from "../fixtures/with-methods.ts";

export const SHELL = {
  framework: "shell",
  version: "any",
  label: "a plain shell",
  origin: "built_in",
  programs: {},
  path: [],
  env: {},
} as const;

const onlyShell: EnvironmentCatalogue = {
  list: async () => [SHELL],
  resolve: async (framework) =>
    framework === "shell"
      ? { found: true, environment: SHELL }
      : { found: false, fact: "only shell is here", hint: "Use shell." },
  resolveWithRequirements: async () => ({ found: false, fact: "nothing is built here", hint: "Use shell." }),
  provide: async () => ({ environment: SHELL, lock: null }),
};

type OnTrouble = NonNullable<Parameters<DataStores["open"]>[4]>;

export interface BundleOptions {
  readonly script?: (task: LearnerTask) => Script;
  readonly slots?: number;
  readonly retentionDays?: number | null;
  readonly stopGraceMs?: number;
  readonly deleteUndoMs?: number;
  readonly clock?: Clock;
  /** Left out: a bucket is asked once. */
  readonly resultsGiveUpMs?: number;
  readonly machineTime?: MachineTime;
  readonly attemptRules?: AttemptRules;
  /** Wraps the store that a bucket is opened as, to make faults. */
  readonly wrapStore?: (store: DataStore, bucket: string, onTrouble: OnTrouble) => DataStore;
  /** Methods of the database, or of the engine, that take the place of the real ones, to make faults. */
  readonly database?: (real: Store) => Partial<Store>;
  readonly engine?: (real: Engine) => Partial<Engine>;
  readonly environments?: Partial<EnvironmentCatalogue>;
  readonly unseal?: (envelope: string) => string;
}

export interface ControlBundle extends AsyncDisposable {
  readonly home: string;
  readonly world: ScriptedWorld;
  readonly store: Store;
  readonly control: Control;
  /** Warnings and errors that an operator would have seen. */
  readonly logged: readonly string[];
  submit(manifest?: string, options?: { key?: string; files?: Record<string, string> }): Promise<Run>;
  untilEnded(id: string): Promise<Run>;
  untilState(id: string, state: Run["state"]): Promise<Run>;
  /** A file of the run's folder in the embedded bucket `models`; undefined when it is not there. */
  stored(id: string, key: string): Promise<string | undefined>;
  /** Ends this server's duties and starts new ones over the same home and the same learners. */
  restart(): Promise<void>;
}

export const MANIFEST = `
model_definition:
  name: tf-mnist
  framework: {name: shell, version: any}
  execution: {command: "true", resource: small}
training_results: {target: {bucket: models, type: directory}}
`;

/** The control plane over a home of its own: real database, real files, real buckets; scripted learners. */
export async function controlBundle(options: BundleOptions = {}): Promise<ControlBundle> {
  const home = await mkdtemp(join(QUICK_FOLDER, "trainyard-control-"));
  const clock = options.clock ?? systemClock;
  const world = new ScriptedWorld(clock, options.script ?? (() => ({ kind: "exits", exitCode: 0 })));
  const real = await openSqliteStore({ path: join(home, "trainyard.db"), clock });
  const store = withMethods(real, options.database?.(real) ?? {});
  await prepareHome(home);
  let engine = world.connect();
  const connect = (): Engine => {
    engine = world.connect();
    return withMethods(engine, options.engine?.(engine) ?? {});
  };
  const logged: string[] = [];
  const write = (fields: object, message: string): void => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const build = (): Control =>
    createControl({
      home,
      clock,
      store,
      engine: connect(),
      dataStores: directoryStores(home, options.wrapStore ?? ((opened) => opened)),
      environments: { ...onlyShell, ...options.environments },
      machine: { cores: 2, devices: slots(options.slots ?? 4) },
      archiveLimits: {},
      stopGraceMs: options.stopGraceMs ?? 1000,
      retentionDays: options.retentionDays ?? null,
      deleteUndoMs: options.deleteUndoMs ?? 0,
      resultsGiveUpMs: options.resultsGiveUpMs ?? 0,
      attemptRules: options.attemptRules ?? PLAIN_RULES,
      machineTime: options.machineTime ?? machineTime,
      log: { info: () => {}, warn: write, error: write },
      pathFor: async () => "/usr/bin:/bin",
      keyring: { seal: (text) => text, unseal: options.unseal ?? ((text) => text) },
    });
  let control = build();
  await control.start();
  const untilRun = async (id: string, isDone: (run: Run) => boolean): Promise<Run> => {
    const signal = AbortSignal.timeout(10_000);
    let run = await control.runs.get(id);
    while (!isDone(run)) run = await control.runs.waitForChange(id, run.version, signal);
    return run;
  };
  return {
    home,
    world,
    store,
    logged,
    get control() {
      return control;
    },
    submit: async (manifest = MANIFEST, { key, files = { "main.sh": "echo hello\n" } } = {}) => {
      const zip = await zipOf(home, files);
      const request = { manifest: Buffer.from(manifest), manifestName: "job.yaml", idempotencyKey: key ?? null };
      const { run } = await control.runs.submit(
        { ...zip, ...request, principal: { account: "admin" } },
        AbortSignal.timeout(10_000),
      );
      return run;
    },
    untilEnded: async (id) => untilRun(id, (run) => isTerminal(run.state)),
    untilState: async (id, state) => untilRun(id, (run) => run.state === state),
    stored: async (id, key) => readFile(join(home, "buckets", "models", id, key), "utf8").catch(() => undefined),
    restart: async () => {
      await control.stop();
      await engine.close();
      control = build();
      await control.start();
    },
    [Symbol.asyncDispose]: async () => {
      await control.stop();
      await store.close();
      await unmountBelow(home);
      await rm(home, { recursive: true, force: true });
    },
  };
}

function slots(count: number) {
  return Array.from(
    { length: count },
    (_, i) => ({ id: `cpu-${i}`, kind: "cpu_slot", name: "slot", uuid: null }) as const,
  );
}

function directoryStores(home: string, wrap: NonNullable<BundleOptions["wrapStore"]>): DataStores {
  return {
    check: (connection) => {
      if (connection.type === "directory" && connection.root !== null) throw directoryRootNotAllowed(connection.root);
    },
    open: async (_connection, bucket, _credentials, purpose, onTrouble = () => {}) => {
      const store = openDirectoryStore({ root: join(home, "buckets"), bucket, create: purpose === "results" });
      return wrap(store, bucket, onTrouble);
    },
  };
}

async function zipOf(home: string, files: Readonly<Record<string, string>>) {
  const name = randomBytes(6).toString("hex");
  const folder = join(home, "tmp", name);
  await mkdir(folder, { recursive: true });
  for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path), text);
  const zipPath = join(home, "tmp", `${name}.zip`);
  await packDirectory(folder, zipPath);
  const bytes = await readFile(zipPath);
  return {
    zip: { kind: "file", path: zipPath, sizeBytes: bytes.length } as const,
    sha256: createHash("sha256").update(bytes).digest("hex"),
  };
}
