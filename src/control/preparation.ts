import { join } from "node:path";
import type { Run } from "../domain/run.ts";
import type { Credentials } from "../domain/training-spec.ts";
import type { Engine, Handle } from "../engines/engine.ts";
import type { Environment, EnvironmentCatalogue } from "../environments/environment.ts";
import { provideEnvironment, refuseMissingEnvironment, resolveEnvironment } from "./run-environment.ts";
import { learnerTask } from "./launcher.ts";
import type { Machine } from "./machine.ts";
import { arrangeRendezvous } from "./rendezvous.ts";
import { learnerDirectory, learnersOf, runDirectory, type RunDirectory } from "./run-directory.ts";
import { stage, type StagerParts } from "./stager.ts";

/** How long until all learners of a run must be up. On one machine this takes milliseconds; a full process table takes for ever. */
const ALL_UP_LIMIT_MS = 60_000;

export interface PreparationParts extends StagerParts {
  readonly engine: Engine;
  readonly environments: EnvironmentCatalogue;
  readonly machine: Machine;
  pathFor(environment: Environment): Promise<string>;
  openCredentials(runId: string): Promise<Credentials>;
}

export interface Started {
  /** One for each learner, in order. */
  readonly handles: readonly Handle[];
  /** For people; null where a server before this one started them and the environment is no longer there. */
  readonly environment: string | null;
}

export interface PreparationSignals {
  /** The user wants the run to end. */
  readonly stop: AbortSignal;
  /** The server ends; learners live on. */
  readonly shutdown: AbortSignal;
}

/**
 * Brings code, data and environment into place and starts all learners, or finds the ones that a server before this
 * one started. When one does not come up, the others are stopped and the promise rejects: all or none.
 */
export async function prepareAndStart(
  parts: PreparationParts,
  run: Run,
  startedAt: Date,
  signals: PreparationSignals,
): Promise<Started> {
  const directory = runDirectory(parts.home, run.id);
  const learners = learnersOf(run);
  const found = await Promise.all(
    learners.map(async (learner) => parts.engine.find(learnerDirectory(directory, learner), run.attempt)),
  );
  const live = found.filter((handle) => handle !== undefined);
  // All are at work; or a stop came between the starts of two, and the live ones are what there is to stop.
  if (live.length === learners.length || (signals.stop.aborted && live.length > 0)) {
    return { handles: live, environment: await labelFor(parts, run, signals.shutdown) };
  }
  try {
    return await startAll(parts, run, directory, startedAt, AbortSignal.any([signals.stop, signals.shutdown]));
  } catch (error) {
    signals.shutdown.throwIfAborted();
    await Promise.all(live.map(async (handle) => parts.engine.stop(handle, 0)));
    throw error;
  }
}

async function startAll(
  parts: PreparationParts,
  run: Run,
  directory: RunDirectory,
  startedAt: Date,
  signal: AbortSignal,
): Promise<Started> {
  signal.throwIfAborted();
  // Before minutes of loading: an environment that is gone, or an index that no longer has what it had.
  await refuseMissingEnvironment(parts.environments, run.spec.framework, signal);
  await stage(parts, run, await parts.openCredentials(run.id), signal);
  const environment = await provideEnvironment(parts, run, directory, signal);
  const meeting = join(directory.root, `attempt-${run.attempt}.rendezvous`);
  const launch = {
    run,
    directory,
    environment,
    path: await parts.pathFor(environment),
    machine: parts.machine,
    rendezvous: await arrangeRendezvous(meeting, run.spec.learners),
    startedAt,
  };
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ALL_UP_LIMIT_MS)]);
  const starts = learnersOf(run).map(async (learner) => parts.engine.start(learnerTask(launch, learner), limit));
  return { handles: await allOrNone(parts.engine, starts), environment: environment.label };
}

/** What to call the environment of learners that run already; they do not need it to be found again. */
async function labelFor(parts: PreparationParts, run: Run, signal: AbortSignal): Promise<string | null> {
  const resolution = await resolveEnvironment(parts.environments, run.spec.framework, signal);
  return resolution.found === true ? resolution.environment.label : null;
}

async function allOrNone(engine: Engine, starts: readonly Promise<Handle>[]): Promise<Handle[]> {
  const results = await Promise.allSettled(starts);
  const handles = results.filter((result) => result.status === "fulfilled").map(({ value }) => value);
  const failed = results.findIndex((result) => result.status === "rejected");
  if (failed === -1) return handles;
  await Promise.all(handles.map(async (handle) => engine.stop(handle, 0)));
  const { reason } = results[failed] as PromiseRejectedResult;
  if (starts.length === 1) throw reason;
  const message = reason instanceof Error ? reason.message : String(reason);
  throw new Error(`learner ${failed + 1} of ${starts.length} did not come up: ${message}`, { cause: reason });
}
