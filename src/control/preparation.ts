import { join } from "node:path";
import { environmentUnavailable } from "../domain/errors.ts";
import type { Run } from "../domain/run.ts";
import type { Credentials } from "../domain/training-spec.ts";
import type { Engine, Handle } from "../engines/engine.ts";
import type { Environment, EnvironmentCatalogue } from "../environments/environment.ts";
import { learnerTask } from "./launcher.ts";
import type { Machine } from "./machine.ts";
import { arrangeRendezvous } from "./rendezvous.ts";
import { learnerDirectory, learnersOf, runDirectory } from "./run-directory.ts";
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
  readonly environment: Environment;
}

/**
 * Brings code, data and environment into place and starts all learners, or finds the ones that a server before this
 * one started. When one does not come up, the others are stopped and the promise rejects: all or none.
 */
export async function prepareAndStart(
  parts: PreparationParts,
  run: Run,
  startedAt: Date,
  signal: AbortSignal,
): Promise<Started> {
  const directory = runDirectory(parts.home, run.id);
  const learners = learnersOf(run);
  const found = await Promise.all(
    learners.map(async (learner) => parts.engine.find(learnerDirectory(directory, learner), run.attempt)),
  );
  const live = found.filter((handle) => handle !== undefined);
  const environment = await environmentFor(parts, run, signal);
  if (live.length === learners.length) return { handles: live, environment };
  // A stop that was asked for between the starts of two learners: the live ones are what there is to stop.
  if (signal.aborted && live.length > 0) return { handles: live, environment };
  signal.throwIfAborted();
  await stage(parts, run, await parts.openCredentials(run.id), signal);
  const meeting = join(directory.root, `attempt-${run.attempt}.rendezvous`);
  const launch = {
    run,
    directory,
    environment,
    path: await parts.pathFor(environment),
    machine: parts.machine,
    rendezvous: await arrangeRendezvous(meeting, learners.length),
    startedAt,
  };
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ALL_UP_LIMIT_MS)]);
  const starts = learners.map(async (learner) => parts.engine.start(learnerTask(launch, learner), limit));
  return { handles: await allOrNone(parts.engine, starts), environment };
}

async function environmentFor(parts: PreparationParts, run: Run, signal: AbortSignal): Promise<Environment> {
  const { name, version } = run.spec.framework;
  const resolution = await parts.environments.resolve(name, version, signal);
  if (!resolution.found) throw environmentUnavailable(name, version, resolution.fact, resolution.hint);
  return resolution.environment;
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
