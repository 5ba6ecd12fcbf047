import { join } from "node:path";
import type { Run } from "../../domain/run.ts";
import type { Credentials } from "../../domain/training-spec.ts";
import type { Engine } from "../../engines/engine.ts";
import type { Environment, EnvironmentCatalogue } from "../../environments/environment.ts";
import { allOrNone, awaitAll } from "./all-or-none.ts";
import type { Started } from "../run/preparing.ts";
import type { PreparationSignals } from "../run/preparing.ts";
import { messageOf } from "../run/failures.ts";
import type { InsistParts } from "../run/insist.ts";
import { provideEnvironment, refuseMissingEnvironment, resolveEnvironment } from "./run-environment.ts";
import { learnerTask, type Reporting } from "./launcher.ts";
import type { Machine } from "../queue/machine.ts";
import { arrangeRendezvous } from "./rendezvous.ts";
import { learnersOf, runDirectory } from "../run/run-directory.ts";
import { readStaged } from "./stage-data.ts";
import { stage, type StagerParts } from "./stager.ts";

/** How long until all learners of a run must be up. On one machine this takes milliseconds; a full process table takes for ever. */
const ALL_UP_LIMIT_MS = 60_000;

export interface PreparationParts extends StagerParts, InsistParts {
  readonly engine: Engine;
  readonly environments: EnvironmentCatalogue;
  readonly machine: Machine;
  pathFor(environment: Environment): Promise<string>;
  /** Where a run's program may report metrics; null, or left out, where it cannot. */
  reportingFor?(runId: string): Reporting | null;
  openCredentials(runId: string): Promise<Credentials>;
}

/** Brings code, data and environment into place and starts all learners, or finds those that run already. */
export async function prepareAndStart(
  parts: PreparationParts,
  run: Run,
  signals: PreparationSignals,
): Promise<Started> {
  const started = await allOrNone(parts, run, signals, {
    startAll: async (signal) => startAll(parts, run, signal),
    labelOf: async (signal) => labelFor(parts, run, signal),
  });
  const record = run.spec.data === null ? null : await readStaged(parts.home, run);
  return record === null ? started : { ...started, staged: record.staged, noticed: record.warnings };
}

async function startAll(parts: PreparationParts, run: Run, signal: AbortSignal): Promise<Started> {
  signal.throwIfAborted();
  const directory = runDirectory(parts.home, run.id);
  // Before minutes of loading: an environment that is gone, or an index that no longer has what it had.
  await refuseMissingEnvironment(parts.environments, run.spec.framework, signal);
  await stage(parts, run, await parts.openCredentials(run.id), signal);
  const environment = await provideEnvironment(parts, run, directory, signal);
  const meeting = join(directory.root, `attempt-${run.attempt}.rendezvous`);
  const rendezvous = await arrangeRendezvous(meeting, run.spec.learners);
  const path = await parts.pathFor(environment);
  // Now, and not when staging began: that may have taken longer than the program will.
  const startedAt = parts.clock.now();
  const launch = {
    run,
    directory,
    environment,
    path,
    machine: parts.machine,
    rendezvous,
    startedAt,
    reporting: parts.reportingFor?.(run.id) ?? null,
  };
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ALL_UP_LIMIT_MS)]);
  const starts = learnersOf(run).map(async (learner) => parts.engine.start(learnerTask(launch, learner), limit));
  return { handles: await awaitAll(starts), startedAt, environment: environment.label };
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
