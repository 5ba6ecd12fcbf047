import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFile } from "../../base/world-files.ts";
import type { Clock } from "../../base/clock.ts";
import { environmentUnavailable } from "../../domain/environment-errors.ts";
import type { Run } from "../../domain/run.ts";
import type { FrameworkRequest } from "../../domain/training-spec.ts";
import { EnvironmentBuildError } from "../../environments/build-error.ts";
import type { Environment, EnvironmentCatalogue, Resolution } from "../../environments/environment.ts";
import { learnerDirectory, LOAD_MODEL_LOG, type RunDirectory } from "../run/run-directory.ts";
import { messageOf } from "../run/failures.ts";
import { openStagingLog } from "./staging-log.ts";

/** The exact packages of a run in a built environment; it goes into the results with the logs. */
export const REQUIREMENTS_LOCK = "requirements.lock";

/** Far more than any list of names; what is larger is another file. */
const LARGEST_REQUIREMENTS = 1_000_000;

export interface EnvironmentParts {
  readonly clock: Clock;
  readonly environments: EnvironmentCatalogue;
}

/** Which environment a run will get, or why it gets none. */
export async function resolveEnvironment(
  environments: EnvironmentCatalogue,
  framework: FrameworkRequest,
  signal: AbortSignal,
): Promise<Resolution> {
  const version = versionOf(framework);
  if (framework.requirements === null) return environments.resolve(framework.name, version, signal);
  return environments.resolveWithRequirements(framework.name, version, signal);
}

/** Rejects with `environment_unavailable` where nothing answers and nothing can be built. */
export async function refuseMissingEnvironment(
  environments: EnvironmentCatalogue,
  framework: FrameworkRequest,
  signal: AbortSignal,
): Promise<void> {
  const resolution = await resolveEnvironment(environments, framework, signal);
  if (resolution.found !== false) return;
  throw environmentUnavailable(framework.name, framework.version, resolution.fact, resolution.hint);
}

/**
 * The environment of a run whose code is in place, built first where it must be. What the build prints goes into
 * `load-model.log`, its lock beside that. The lock also says which environment the run uses: see `isInUse`.
 */
export async function provideEnvironment(
  parts: EnvironmentParts,
  run: Run,
  directory: RunDirectory,
  signal: AbortSignal,
): Promise<Environment> {
  const folder = learnerDirectory(directory, 1);
  const log = openStagingLog(join(folder, LOAD_MODEL_LOG), parts.clock);
  let writing = Promise.resolve();
  const onLine = (line: string): void => {
    // Lines come faster than they are written; their order is kept. A full disk shows in what comes next.
    writing = writing.then(async () => log.write(line)).catch(() => undefined);
  };
  const keepLock = async (lock: string): Promise<void> => writeFile(join(folder, REQUIREMENTS_LOCK), lock);
  const { framework } = run.spec;
  try {
    const requirements = await readRequirements(framework, directory);
    const request = { framework: framework.name, version: versionOf(framework), requirements };
    const { environment } = await parts.environments.provide(request, { onLine, keepLock }, signal);
    onLine(`Environment: ${environment.label}`);
    return environment;
  } catch (error) {
    if (!signal.aborted) onLine(`Failed: ${messageOf(error)}`);
    throw error;
  } finally {
    await writing;
  }
}

/** Null where the manifest names no file. Whether it is in the ZIP was checked at submission. */
async function readRequirements(framework: FrameworkRequest, directory: RunDirectory): Promise<string | null> {
  if (framework.requirements === null) return null;
  // Nothing in the code folder is a link: the ZIP is unpacked without any.
  const text = await readFile(join(directory.code, framework.requirements), "utf8").catch(() => null);
  if (text !== null && text.length <= LARGEST_REQUIREMENTS) return text;
  const fact = text === null ? "is not in the model definition" : `is larger than ${LARGEST_REQUIREMENTS} bytes`;
  const hint = "Check 'requirements' in the manifest and the files in the ZIP.";
  throw new EnvironmentBuildError("unresolvable", `The file '${framework.requirements}' ${fact}.`, [], hint);
}

/** Python said apart from the version picks the interpreter as the suffix does. Only its first number is binding. */
function versionOf({ version, python }: FrameworkRequest): string {
  return python === null || /-py\d/i.test(version) ? version : `${version.trim()}-py${python.charAt(0)}`;
}
