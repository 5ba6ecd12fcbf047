import { constants, statfsSync } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { availableParallelism } from "node:os";
import { formatBytes } from "./base/byte-size.ts";
import { mkdtemp, rm } from "./base/world-files.ts";
import { systemClock as clock } from "./base/clock.ts";
import type { DoctorCheck, DoctorReport, EnvironmentAnswer, WantedFramework } from "./cli/machine.ts";
import { findConfigurationFile } from "./configuration/home.ts";
import { loadSettings, type Settings } from "./configuration/settings.ts";
import { resolveEnvironment as resolveAsServer } from "./control/preparation/run-environment.ts";
import { ServiceError } from "./domain/errors.ts";
import { chooseTracker } from "./engines/local/choose-tracker.ts";
import { findDevices } from "./engines/local/devices.ts";
import { NO_TRACKER } from "./engines/local/process-tracker.ts";
import { chooseView } from "./staging/choose-view.ts";
import { homeEnvironments, type HomeEnvironments } from "./home-environments.ts";

const PROBE_LIMIT_MS = 120_000;
const LITTLE_DISK_BYTES = 2_000_000_000;

/** What `doctor` looks for beside the frameworks themselves, and how to add what is not there. */
const FRAMEWORK_REMEDIES: Readonly<Record<string, string>> = {
  pytorch: "apt-get install --no-install-recommends python3-torch libopenblas0-pthread",
  "scikit-learn": "apt-get install --no-install-recommends python3-sklearn libopenblas0-pthread",
  numpy: "apt-get install --no-install-recommends python3-numpy libopenblas0-pthread",
};

const INSTALL_UV = "Install uv, or apt-get install python3-pip";

/** Looks at this machine as `trainyard serve` would, and says what is missing. Changes nothing, needs no server. */
export async function doctor(home: string): Promise<DoctorReport> {
  const { settings, check } = readSettings(home);
  const checks = [nodeCheck(), await bashCheck(), check, await homeCheck(home), await trackingCheck(home)];
  checks.push(await dataViewCheck(home));
  if (settings !== null) checks.push(await deviceCheck(settings), ...(await environmentChecks(home, settings)));
  return { checks };
}

/** The environment that a submission on this machine would get. */
export async function resolveEnvironment(framework: WantedFramework, home: string): Promise<EnvironmentAnswer> {
  const { settings } = readSettings(home);
  if (settings === null)
    return { found: false, fact: "the configuration cannot be read", hint: "See 'trainyard doctor'." };
  const environments = await environmentsHere(home, settings);
  const signal = AbortSignal.timeout(PROBE_LIMIT_MS);
  const resolution = await resolveAsServer(environments.catalogue, framework, signal);
  if (resolution.found === true) return { found: true, label: resolution.environment.label };
  if (resolution.found === false) return resolution;
  if ((await environments.installer(signal)) !== undefined) return { found: true, label: resolution.label };
  return { found: false, fact: "it would have to be built, and there is neither uv nor pip", hint: INSTALL_UV };
}

async function environmentsHere(home: string, settings: Settings) {
  const devices = await findDevices({ cpuSlots: settings.cpuSlots });
  const hasGpu = devices.some(({ kind }) => kind === "nvidia");
  return homeEnvironments(home, settings, { hasGpu, clock, asksIndex: false });
}

function nodeCheck(): DoctorCheck {
  return ok("Node", `${process.version} (${process.execPath})`);
}

async function bashCheck(): Promise<DoctorCheck> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, "bash");
    // Not in this folder: the next one may have it.
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return ok("bash", path);
  }
  const found = "not on the PATH; commands would run in /bin/sh, which does not know all of bash";
  return { name: "bash", status: "missing", found, remedy: "apt-get install bash" };
}

function readSettings(home: string): { settings: Settings | null; check: DoctorCheck } {
  const file = findConfigurationFile(home, undefined, process.env);
  try {
    const settings = loadSettings({ file, env: process.env, flags: {} });
    return { settings, check: ok("configuration", file ?? "no file; every setting has its default") };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    const check = { name: "configuration", status: "broken", found: error.message, remedy: error.hint } as const;
    return { settings: null, check };
  }
}

async function homeCheck(home: string): Promise<DoctorCheck> {
  const existing = await nearestExisting(home);
  const isWritable = await access(existing, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!isWritable) {
    const remedy = "Give another folder with TRAINYARD_HOME or --home, or make this one writable for you.";
    return { name: "home", status: "broken", found: `${home} is not writable`, remedy };
  }
  const { bavail, bsize } = statfsSync(existing);
  const free = bavail * bsize;
  const found = `${home} (${formatBytes(free)} free)`;
  if (free >= LITTLE_DISK_BYTES) return ok("home", found);
  return {
    name: "home",
    status: "broken",
    found,
    remedy: "Free space there, or give another folder with TRAINYARD_HOME.",
  };
}

async function nearestExisting(path: string): Promise<string> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  return isThere || path === dirname(path) ? path : nearestExisting(dirname(path));
}

async function deviceCheck(settings: Settings): Promise<DoctorCheck> {
  const devices = await findDevices({ cpuSlots: settings.cpuSlots });
  const gpus = devices.filter((device) => device.kind === "nvidia");
  const names = gpus.map(({ id, name }) => `${id} ${name}`).join(", ");
  const slots = `${devices.length - gpus.length} CPU slots on ${availableParallelism()} cores`;
  return ok("devices", gpus.length === 0 ? `no NVIDIA GPU; ${slots}` : `${names}; ${slots}`);
}

/** By what means no process of a run is left behind. */
async function trackingCheck(home: string): Promise<DoctorCheck> {
  const tracker = await chooseTracker(home, clock);
  if (tracker !== NO_TRACKER) return ok("process trees", tracker.name);
  const found = `no control group that this account may divide; runs are held together by ${tracker.name}`;
  const remedy = "Run the server as a systemd service with Delegate=yes.";
  return { name: "process trees", status: "missing", found, remedy };
}

/** By what means runs see training data without being able to change it for others. */
async function dataViewCheck(home: string): Promise<DoctorCheck> {
  const name = "training data";
  const existing = await nearestExisting(home);
  const folder = await mkdtemp(join(existing, ".trainyard-doctor-")).catch(() => null); // Not writable: said above.
  if (folder === null)
    return { name, status: "missing", found: "not tried", remedy: "Make the home writable for you." };
  try {
    const { view, refused } = await chooseView(folder, folder);
    if (refused.length < 2) return ok(name, `${view.name}${refused.map((reason) => `; ${reason}`).join("")}`);
    const found = `${view.name} for each run: ${refused.join(" ")}`;
    const remedy = "Put the home on XFS or Btrfs, or run the server as root.";
    return { name, status: "missing", found, remedy };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function environmentChecks(home: string, settings: Settings): Promise<DoctorCheck[]> {
  const environments = await environmentsHere(home, settings);
  const survey = await environments.machine.survey(AbortSignal.timeout(PROBE_LIMIT_MS));
  const found = survey.offers.map(({ environment }) =>
    ok(`framework ${environment.framework}`, `${environment.version}: ${environment.label}`),
  );
  const names = new Set(survey.offers.map(({ environment }) => environment.framework));
  const missing = Object.entries(FRAMEWORK_REMEDIES)
    .filter(([framework]) => !names.has(framework))
    .map(([framework, remedy]): DoctorCheck => {
      return { name: `framework ${framework}`, status: "missing", found: "not found", remedy };
    });
  const broken = survey.brokenEntries.map(({ framework, entry, reason }): DoctorCheck => {
    const remedy = "Mend the entry under 'environments' in the configuration, or remove it.";
    return { name: `framework ${framework}`, status: "broken", found: `${entry.version}: ${reason}`, remedy };
  });
  return [...found, ...missing, ...broken, ...(await buildChecks(environments))];
}

/** What would build an environment, and whether it reaches a package index. */
async function buildChecks(environments: HomeEnvironments): Promise<DoctorCheck[]> {
  if (environments.builder === null) return [ok("builds", "switched off (builds.mode)")];
  const signal = AbortSignal.timeout(PROBE_LIMIT_MS);
  const installer = await environments.installer(signal);
  if (installer === undefined) {
    const found = "neither uv nor a Python with pip; only what is here can run";
    return [{ name: "builds", status: "missing", found, remedy: INSTALL_UV }];
  }
  const built = (await environments.folders.list()).map(({ id, framework, version, sizeBytes }) =>
    ok(`built ${framework}`, `${version}: environment ${id}, ${formatBytes(sizeBytes)}`),
  );
  return [ok("builds", installer), await indexCheck(environments, signal), ...built];
}

async function indexCheck(environments: HomeEnvironments, signal: AbortSignal): Promise<DoctorCheck> {
  const trouble = await environments.askIndex(signal);
  if (trouble === null) return ok("package index", "answers");
  return { name: "package index", status: "missing", found: trouble.message, remedy: trouble.hint };
}

function ok(name: string, found: string): DoctorCheck {
  return { name, status: "ok", found, remedy: null };
}
