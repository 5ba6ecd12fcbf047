import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { ConfigurationProblem } from "./configuration-problem.ts";
import { EnvironmentEntry, RecipeEntry } from "./environment-entry.ts";
import { loadSettings, settingKeys } from "./settings.ts";
import { SETTINGS, SETTING_KEYS } from "./setting-table.ts";

const REFERENCE = new URL("../../docs/reference/configuration.md", import.meta.url);

async function writeFileOf(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-settings-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "trainyard.yaml");
  await writeFile(file, text);
  return file;
}

async function loadFile(text: string) {
  return loadSettings({ file: await writeFileOf(text), env: {}, flags: {} });
}

/** Everything that is wrong, with places that begin at the file's name. */
async function problemsIn(text: string): Promise<readonly ConfigurationProblem[]> {
  const file = await writeFileOf(text);
  return problemsOf({ file, env: {}, flags: {} }).map((problem) => ({
    ...problem,
    place: problem.place.replace(file, "trainyard.yaml"),
  }));
}

function problemsOf(sources: Parameters<typeof loadSettings>[0]): readonly ConfigurationProblem[] {
  try {
    loadSettings(sources);
  } catch (error) {
    expect(error).toMatchObject({ code: "configuration_invalid" });
    return (error as { details: readonly ConfigurationProblem[] }).details;
  }
  throw new Error("the configuration was taken");
}

test("without any source every setting has its default", () => {
  expect(loadSettings({ file: null, env: {}, flags: {} })).toEqual({
    listen: { host: "127.0.0.1", port: 7878 },
    logLevel: "info",
    retentionDays: 7,
    deleteUndoMs: 3_600_000,
    cpuSlots: null,
    stopGraceMs: 30_000,
    resultsGiveUpMs: 3_600_000,
    timeLimits: { defaultMs: null, maxMs: null },
    retries: { max: 10, delayMs: 10_000 },
    directoryRoots: [],
    network: { allow: [], allowPrivate: null },
    storeRetry: { attempts: 6, firstDelayMs: 500, maxDelayMs: 30_000 },
    cacheMaxBytes: null,
    transfer: { requests: 64, requestsPerStore: 32, bytesPerSecond: null },
    logMaxBytes: 1_073_741_824,
    limits: {
      manifestBytes: 1_000_000,
      definitionBytes: 1_073_741_824,
      unpackedBytes: 2_147_483_648,
      unpackedEntries: 20_000,
    },
    builds: { mode: "auto", timeLimitMs: 1_800_000, recipes: [] },
    environments: [],
  });
});

test("an empty file, a file of comments and empty parts set nothing", async () => {
  const defaults = loadSettings({ file: null, env: {}, flags: {} });
  for (const text of ["", "# nothing yet\n", "stores:\n", "stores:\n  directory:\nlisten:\n"]) {
    expect(await loadFile(text)).toEqual(defaults);
  }
});

test("the file sets everything", async () => {
  const settings = await loadFile(`
listen: "[::1]:0"
log: {level: debug}
retention: {days: forever}
delete: {undo_minutes: 1.5}
devices: {cpu_slots: 8}
stop: {grace_seconds: 0.5}
results: {give_up_minutes: 1.5}
time_limit: {default: 90m, max: 1-12:00:00}
retries: {max: 2, delay_seconds: 1}
stores:
  directory:
    roots: [/srv/data]
  network:
    allow: [minio.example.com, 10.0.0.0/8, "fd00::/8", 192.168.1.2]
    allow_private: false
  retry: {attempts: 1, max_delay_seconds: 2}
cache: {max_bytes: 7000}
logs: {max_bytes: 2000000}
transfer: {requests: 9, requests_per_store: 3, bytes_per_second: 5000}
limits: {manifest_bytes: 2000, definition_bytes: 3000, unpacked_bytes: 4000, unpacked_entries: 5}
builds:
  mode: off
  time_limit_minutes: 5
  recipes:
    - {framework: catboost, requirements: ["catboost{version}"], cpu_requirements: [1.10], module: catboost}
environments:
  - framework: tensorflow
    version: 1.10
    aliases: [1.2-py3, 1.20]
    python: /opt/tf/bin/python
    path: [/opt/tf/extra]
    env: {TF_CPP_MIN_LOG_LEVEL: 3, FLAG: yes}
    probe: python -c 'import tensorflow'
`);
  expect(settings).toEqual({
    listen: { host: "::1", port: 0 },
    logLevel: "debug",
    retentionDays: null,
    deleteUndoMs: 90_000,
    cpuSlots: 8,
    stopGraceMs: 500,
    resultsGiveUpMs: 90_000,
    timeLimits: { defaultMs: 5_400_000, maxMs: 129_600_000 },
    retries: { max: 2, delayMs: 1000 },
    directoryRoots: ["/srv/data"],
    network: { allow: ["minio.example.com", "10.0.0.0/8", "fd00::/8", "192.168.1.2"], allowPrivate: false },
    storeRetry: { attempts: 1, firstDelayMs: 500, maxDelayMs: 2000 },
    cacheMaxBytes: 7000,
    transfer: { requests: 9, requestsPerStore: 3, bytesPerSecond: 5000 },
    logMaxBytes: 2_000_000,
    limits: { manifestBytes: 2000, definitionBytes: 3000, unpackedBytes: 4000, unpackedEntries: 5 },
    builds: {
      mode: "off",
      timeLimitMs: 300_000,
      recipes: [
        {
          framework: "catboost",
          requirements: ["catboost{version}"],
          cpu_requirements: ["1.10"],
          module: "catboost",
        },
      ],
    },
    environments: [
      {
        framework: "tensorflow",
        version: "1.10",
        aliases: ["1.2-py3", "1.20"],
        python: "/opt/tf/bin/python",
        path: ["/opt/tf/extra"],
        env: { TF_CPP_MIN_LOG_LEVEL: "3", FLAG: "yes" },
        probe: "python -c 'import tensorflow'",
        served_by: null,
      },
    ],
  });
});

test("a flag wins over a variable, a variable over the file, the file over the default", async () => {
  const file = await writeFileOf("retention: {days: 1}\nlisten: 127.0.0.1:1\nlog: {level: error}\n");
  const env = { TRAINYARD_RETENTION_DAYS: "2", TRAINYARD_LISTEN: "127.0.0.1:2" };
  const settings = loadSettings({ file, env, flags: { listen: "127.0.0.1:3" } });
  expect(settings).toMatchObject({ logLevel: "error", retentionDays: 2, listen: { port: 3 }, stopGraceMs: 30_000 });
});

test("variables hold lists between commas, numbers, words and truths; an empty one says nothing", () => {
  const { directoryRoots, network, retentionDays, cpuSlots, logLevel } = loadSettings({
    file: null,
    env: {
      TRAINYARD_STORES_DIRECTORY_ROOTS: "/a, /b c ,",
      TRAINYARD_STORES_NETWORK_ALLOW: "10.0.0.1",
      TRAINYARD_STORES_NETWORK_ALLOW_PRIVATE: "True",
      TRAINYARD_RETENTION_DAYS: "forever",
      TRAINYARD_DEVICES_CPU_SLOTS: "2",
      TRAINYARD_LOG_LEVEL: "",
    },
    flags: {},
  });
  expect(directoryRoots).toEqual(["/a", "/b c"]);
  expect(network).toEqual({ allow: ["10.0.0.1"], allowPrivate: true });
  expect([retentionDays, cpuSlots, logLevel]).toEqual([null, 2, "info"]);
});

test("every problem is told at once, each with its line and column", async () => {
  const problems = await problemsIn(`listen: 7878
retenshun: {days: 3}
stores:
  directory:
    root: [/srv]
    roots: /srv
  network: 12
environments:
  - {framework: torch, version: 1, pyhton: /usr/bin/python3}
  - {version: 2, python: python3}
`);
  expect(problems.map(({ place, key, message }) => `${place} ${key}: ${message}`)).toEqual([
    "trainyard.yaml:2:1 retenshun: There is no setting 'retenshun'.",
    "trainyard.yaml:5:5 stores.directory.root: There is no setting 'stores.directory.root'.",
    "trainyard.yaml:7:12 stores.network: 'stores.network' must be a map of keys and values.",
    "trainyard.yaml:1:9 listen: 'listen' must be HOST:PORT, and is 7878.",
    `trainyard.yaml:6:12 stores.directory.roots: 'stores.directory.roots' must be a list of folders, and is "/srv".`,
    "trainyard.yaml:9:36 environments.0.pyhton: There is no field 'environments.0.pyhton'.",
    "trainyard.yaml:10:5 environments.1.framework: 'environments.1.framework' must be a text, and is missing.",
    `trainyard.yaml:10:26 environments.1.python: 'environments.1.python' must be an absolute path, and is "python3".`,
  ]);
  expect(problems.slice(0, 2).map(({ hint }) => hint)).toEqual(["Did you mean 'retention'?", "Did you mean 'roots'?"]);
  expect(problems[5]?.hint).toBe("Did you mean 'python'?");
});

test("the error's message is the first problem and its hint tells the others", async () => {
  const file = await writeFileOf("lisen: x\nlog: {level: loud}\n");
  expect(() => loadSettings({ file, env: {}, flags: {} })).toThrow(
    expect.objectContaining({
      message: `${file}:1:1: There is no setting 'lisen'. (and 1 more)`,
      hint: `Did you mean 'listen'?\n${file}:2:14: 'log.level' must be debug, info, warn or error, and is "loud". For example: log.level: debug`,
    }),
  );
});

test("a dotted key gets the advice to nest it", async () => {
  const [problem] = await problemsIn("stores.directory.roots: [/srv]\n");
  expect(problem?.hint).toBe("Each dot is a level of the file: stores: {directory: {roots: …}}");
});

test.each([
  ["- a\n- b\n", "trainyard.yaml:1:1", /must be a map/],
  ["just words", "trainyard.yaml:1:1", /must be a map/],
  ["listen: a:1\nlisten: b:2\n", "trainyard.yaml:2:1", /not YAML: Map keys must be unique/],
  ["listen: [1\n", "trainyard.yaml:2:1", /not YAML/],
  ["log:\n\tlevel: info\n", "trainyard.yaml:2:1", /not YAML/],
  ["stores: {directory: {roots: &r [/srv]}, network: {allow: *r}}\n", "trainyard.yaml:1:58", /refers to another place/],
])("the file %j is refused at %s", async (text, place, message) => {
  const [problem] = await problemsIn(text);
  expect(problem).toMatchObject({ place, message: expect.stringMatching(message) });
});

test.each([
  ["TRAINYARD_LISTEN", "localhost"],
  ["TRAINYARD_LISTEN", "1.2.3:80"],
  ["TRAINYARD_LISTEN", "127.0.0.1:65536"],
  ["TRAINYARD_LISTEN", "::1:80"],
  ["TRAINYARD_RETENTION_DAYS", "0"],
  ["TRAINYARD_RETENTION_DAYS", "soon"],
  ["TRAINYARD_TIME_LIMIT_MAX", "90"],
  ["TRAINYARD_TIME_LIMIT_DEFAULT", "0s"],
  ["TRAINYARD_RETRIES_MAX", "11"],
  ["TRAINYARD_DEVICES_CPU_SLOTS", "2.5"],
  ["TRAINYARD_STORES_DIRECTORY_ROOTS", "/srv,data"],
  ["TRAINYARD_STORES_NETWORK_ALLOW", "10.0.0.0/33"],
  ["TRAINYARD_STORES_NETWORK_ALLOW", "http://minio"],
  ["TRAINYARD_STORES_NETWORK_ALLOW_PRIVATE", "maybe"],
  ["TRAINYARD_STORES_RETRY_ATTEMPTS", "0"],
])("%s=%s is refused under the variable's name", (variable, text) => {
  const [problem, ...others] = problemsOf({ file: null, env: { [variable]: text }, flags: {} });
  expect(problem).toMatchObject({ place: variable, file: null, line: null });
  expect(others).toEqual([]);
});

test("a flag with a wrong value is refused under the flag's name", () => {
  const [problem] = problemsOf({ file: null, env: {}, flags: { listen: "here" } });
  expect(problem).toMatchObject({
    place: "--listen",
    message: `'listen' must be HOST:PORT, where a port of 0 picks a free one, and is "here".`,
  });
});

test("a variable that is nearly a setting's is refused; one that a cluster sets by itself is not", () => {
  const [problem] = problemsOf({ file: null, env: { TRAINYARD_RETENTION_DAY: "3" }, flags: {} });
  expect(problem).toMatchObject({ place: "TRAINYARD_RETENTION_DAY", hint: "Did you mean 'TRAINYARD_RETENTION_DAYS'?" });
  const others = ["HOME", "URL", "TOKEN", "CONFIG", "PORT", "SERVICE_HOST", "PORT_7878_TCP_ADDR"];
  const env = Object.fromEntries(others.map((name) => [`TRAINYARD_${name}`, "x"]));
  expect(() => loadSettings({ file: null, env, flags: {} })).not.toThrow();
});

test.each([
  "environments: [{framework: a, version: 1, env: {API_KEY: [canary]}}]",
  "environments: [{framework: a, version: 1, env: [API_KEY=canary]}]",
  "environments: {framework: a, version: 1, env: {API_KEY: canary}}",
])("what programs are given as environment is not repeated in the problem with %s", async (text) => {
  const problems = await problemsIn(text);
  expect(problems).toHaveLength(1);
  expect(JSON.stringify(problems)).not.toContain("canary");
});

test("a file that is not there is refused by its name", () => {
  expect(() => loadSettings({ file: "/nowhere/trainyard.yaml", env: {}, flags: {} })).toThrow(
    "The configuration file '/nowhere/trainyard.yaml' is not there.",
  );
});

test("every default and example in the table is a value that the setting takes", async () => {
  for (const key of SETTING_KEYS) {
    for (const text of [SETTINGS[key].default, SETTINGS[key].example]) {
      const parts = key.split(".");
      const yaml = parts.map((part, depth) => `${"  ".repeat(depth)}${part}:`).join("\n");
      await expect(loadFile(`${yaml} ${text}\n`), `${key}: ${text}`).resolves.toBeDefined();
    }
  }
});

test("the reference says of every setting what the program knows, and of no other", async () => {
  const page = await readFile(REFERENCE, "utf8");
  const headings = [...page.matchAll(/^### `(.+)`$/gm)].map(([, key]) => key);
  expect(headings).toEqual(SETTING_KEYS);
  for (const { key, env, type, default: text, meaning, example } of settingKeys()) {
    const facts = [
      `- Type: ${type}`,
      `- Default: \`${text}\``,
      env === null ? "- Variable: none" : `- Variable: \`${env}\``,
      `- Example: \`${example}\``,
    ];
    expect(page).toContain(`### \`${key}\`\n\n${meaning}\n\n${facts.join("\n")}\n`);
  }
});

test("the reference lists the fields of an environment and of a recipe", async () => {
  const page = await readFile(REFERENCE, "utf8");
  const rows = [...page.matchAll(/^\| `([a-z_]+)` /gm)].map(([, field]) => field);
  const entries = [EnvironmentEntry, RecipeEntry].flatMap((entry) => Object.keys(entry.unwrap().shape));
  expect(rows).toEqual(entries);
});

test("an entry is a place of its own or sends on to another, not both", async () => {
  const [problem, ...others] = await problemsIn(
    "environments: [{framework: tensorflow, version: 1.2-py3, served_by: 2.16, python: /usr/bin/python3}]\n",
  );
  expect(others).toEqual([]);
  expect(problem?.message).toBe(
    `'environments.0.served_by' must be alone: without python, path and probe, and is "2.16".`,
  );
});

test("a recipe's unknown field is told with the nearest of a recipe's own", async () => {
  const [problem] = await problemsIn("builds: {recipes: [{framework: a, requirements: [a], requirement: b}]}\n");
  expect(problem).toMatchObject({ key: "builds.recipes.0.requirement", hint: "Did you mean 'requirements'?" });
});
