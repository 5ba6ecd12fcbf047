import { join } from "node:path";
import type { Run } from "../domain/run.ts";
import type { Credentials } from "../domain/training-spec.ts";
import type { Engine, Handle } from "../engines/engine.ts";
import { EngineError } from "../engines/engine-error.ts";
import type { Environment, EnvironmentCatalogue } from "../environments/environment.ts";
import type { PreparationSignals } from "./carried.ts";
import { isPassingTrouble, messageOf } from "./failures.ts";
import { insist, type InsistParts } from "./insist.ts";
import { provideEnvironment, refuseMissingEnvironment, resolveEnvironment } from "./run-environment.ts";
import { learnerTask } from "./launcher.ts";
import type { Machine } from "./machine.ts";
import { arrangeRendezvous } from "./rendezvous.ts";
import { learnerDirectory, learnersOf, runDirectory } from "./run-directory.ts";
import { stage, type StagerParts } from "./stager.ts";

/** How long until all learners of a run must be up. On one machine this takes milliseconds; a full process table takes for ever. */
const ALL_UP_LIMIT_MS = 60_000;

export interface PreparationParts extends StagerParts, InsistParts {
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

/**
 * Brings code, data and environment into place and starts all learners, or finds the ones that a server before this
 * one started. When that fails, nothing of the attempt is left alive before the promise rejects: all learners or none.
 * Only passing trouble and the end of the server leave them as they are, for the next try to find.
 */
export async function prepareAndStart(
  parts: PreparationParts,
  run: Run,
  startedAt: Date,
  signals: PreparationSignals,
): Promise<Started> {
  try {
    const live = await findAll(parts, run, signals.shutdown);
    if (live.length === run.spec.learners) {
      return { handles: live, environment: await labelFor(parts, run, signals.shutdown) };
    }
    return await startAll(parts, run, startedAt, AbortSignal.any([signals.stop, signals.shutdown]));
  } catch (error) {
    signals.shutdown.throwIfAborted();
    if (isPassingTrouble(error)) throw error;
    await stopAll(parts, run, signals.shutdown);
    throw error;
  }
}

/** The learners of the attempt that were started before, in order. What cannot be looked up now may be alive, so it is looked up until it can. */
async function findAll(parts: PreparationParts, run: Run, signal: AbortSignal): Promise<Handle[]> {
  const found = await Promise.all(
    learnersOf(run).map(async (learner) => insist(parts, run.id, async () => find(parts, run, learner), signal)),
  );
  return found.filter((handle) => handle !== undefined);
}

/** Leaves nothing of the attempt alive. */
async function stopAll(parts: PreparationParts, run: Run, signal: AbortSignal): Promise<void> {
  const stop = async (learner: number): Promise<void> => {
    const handle = await find(parts, run, learner);
    if (handle !== undefined) await parts.engine.stop(handle, 0);
  };
  await Promise.all(
    learnersOf(run).map(async (learner) => {
      try {
        await insist(parts, run.id, async () => stop(learner), signal);
      } catch (error) {
        signal.throwIfAborted();
        // The engine knows for certain that there is nothing it could stop; why is in the run's own failure.
        parts.log.warn({ runId: run.id, learner, error: messageOf(error) }, "there is no learner to stop");
      }
    }),
  );
}

async function find(parts: PreparationParts, run: Run, learner: number): Promise<Handle | undefined> {
  return parts.engine.find(learnerDirectory(runDirectory(parts.home, run.id), learner), run.attempt);
}

async function startAll(parts: PreparationParts, run: Run, startedAt: Date, signal: AbortSignal): Promise<Started> {
  signal.throwIfAborted();
  const directory = runDirectory(parts.home, run.id);
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
  return { handles: await allOrNone(starts), environment: environment.label };
}

/** What to call the environment of learners that run already. A look that fails costs the name, not the run. */
async function labelFor(parts: PreparationParts, run: Run, signal: AbortSignal): Promise<string | null> {
  try {
    const resolution = await resolveEnvironment(parts.environments, run.spec.framework, signal);
    return resolution.found === true ? resolution.environment.label : null;
  } catch (error) {
    signal.throwIfAborted();
    parts.log.warn({ runId: run.id, error: messageOf(error) }, "the environment of a run could not be named");
    return null;
  }
}

/** Waits for all, also when one fails: whoever cleans up must not be overtaken by a learner that comes up late. */
async function allOrNone(starts: readonly Promise<Handle>[]): Promise<Handle[]> {
  const results = await Promise.allSettled(starts);
  const failed = results.findIndex((result) => result.status === "rejected");
  if (failed === -1) return Promise.all(starts);
  const { reason } = results[failed] as PromiseRejectedResult;
  if (starts.length === 1) throw reason;
  const message = `learner ${failed + 1} of ${starts.length} did not come up: ${messageOf(reason)}`;
  throw new EngineError(message, { retryable: false, cause: reason });
}
