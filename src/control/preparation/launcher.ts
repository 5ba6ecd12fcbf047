import type { Environment } from "../../environments/environment.ts";
import type { Device } from "../../domain/device.ts";
import type { LearnerTask } from "../../engines/engine.ts";
import type { Run } from "../../domain/run.ts";
import type { Machine } from "../queue/machine.ts";
import { peerVariables, type Rendezvous } from "./rendezvous.ts";
import { learnerDirectory, type RunDirectory } from "../run/run-directory.ts";

/** What all learners of an attempt share. */
export interface Launch {
  readonly run: Run;
  readonly directory: RunDirectory;
  readonly environment: Environment;
  /** The PATH, with the environment's own programs in front. */
  readonly path: string;
  readonly machine: Machine;
  readonly rendezvous: Rendezvous;
  readonly startedAt: Date;
  /** Where the program may report metrics, and the token for it; left out where it cannot. */
  readonly reporting?: Reporting | null;
}

/** What the token of a run's program is made for, and good for alone. */
export function reportingContext(runId: string): string {
  return `metrics ${runId}`;
}

export interface Reporting {
  readonly url: string;
  readonly token: string;
}

/**
 * What one learner is started with. The variables are the ones that programs for the service of 2017-18 and for
 * FfDL read; the list with meanings is `docs/reference/environment.md`, compared with this function by a test.
 */
export function learnerTask(launch: Launch, learner: number): LearnerTask {
  const { run, directory, environment, startedAt } = launch;
  const command = run.spec.command;
  const env: Record<string, string> = {
    ...environment.env,
    PATH: launch.path,
    HOME: directory.userHome,
    TMPDIR: directory.temporary,
    SHELL: "/bin/bash",
    LANG: "C.UTF-8",
    DATA_DIR: directory.data,
    MODEL_DIR: directory.code,
    RESULT_DIR: directory.results,
    RESULT_BUCKET_DIR: directory.results,
    CHECKPOINT_DIR: directory.checkpoints,
    LOG_DIR: learnerDirectory(directory, learner),
    JOB_STATE_DIR: directory.state,
    TRAINING_ID: run.id,
    TRAINING_JOB: "",
    TRAINING_COMMAND: command,
    LEARNER_ID: String(learner),
    NUM_LEARNERS: String(run.spec.learners),
    LEARNER_NAME_PREFIX: run.id,
    TRAINYARD_ATTEMPT: String(run.attempt),
    ...(launch.reporting === undefined || launch.reporting === null
      ? {}
      : { TRAINYARD_METRICS_URL: launch.reporting.url, TRAINYARD_METRICS_TOKEN: launch.reporting.token }),
    PYTHONPATH: directory.code,
    // A program's prints must be in the log when they happen, not when a buffer is full.
    PYTHONUNBUFFERED: "1",
    ...deviceVariables(launch, learner),
    ...peerVariables(learner, run.spec.learners, launch.rendezvous),
  };
  return {
    runId: run.id,
    attempt: run.attempt,
    learner,
    directory: learnerDirectory(directory, learner),
    workingDirectory: directory.code,
    command,
    env,
    banner: banner(env, run.spec.framework.name, startedAt),
    gpus: grantedGpus(launch, learner).map((device) => device.uuid ?? ""),
  };
}

function grantedTo({ run, machine }: Launch, learner: number): readonly Device[] {
  const { devices: count } = run.spec;
  const ids = run.devices.slice((learner - 1) * count, learner * count);
  return machine.devices.filter((device) => ids.includes(device.id));
}

function grantedGpus(launch: Launch, learner: number): readonly Device[] {
  return grantedTo(launch, learner).filter((device) => device.kind === "nvidia");
}

function deviceVariables(launch: Launch, learner: number): Record<string, string> {
  const { machine } = launch;
  const granted = grantedTo(launch, learner);
  const gpus = grantedGpus(launch, learner);
  const alike = machine.devices.filter((device) => device.kind === granted[0]?.kind);
  // Numeric libraries start a thread for each core unless told otherwise, and many runs share the cores.
  const threads = String(Math.max(1, Math.floor((machine.cores * granted.length) / Math.max(1, alike.length))));
  return {
    GPU_COUNT: gpus.length.toFixed(6),
    // Empty, not unset, where the run has no GPU: unset means "all of them" to CUDA.
    CUDA_VISIBLE_DEVICES: gpus.map((device) => device.uuid ?? "").join(","),
    CUDA_DEVICE_ORDER: "PCI_BUS_ID",
    OMP_NUM_THREADS: threads,
    OPENBLAS_NUM_THREADS: threads,
    MKL_NUM_THREADS: threads,
  };
}

/** The lines that begin every training log, as the service of 2017-18 wrote them. */
function banner(env: Record<string, string>, framework: string, startedAt: Date): string {
  return [
    "Training with training/test data at:",
    `  DATA_DIR: ${env["DATA_DIR"]}`,
    `  MODEL_DIR: ${env["MODEL_DIR"]}`,
    `  TRAINING_JOB: ${env["TRAINING_JOB"]}`,
    `  TRAINING_COMMAND: ${env["TRAINING_COMMAND"]}`,
    "Storing trained model at:",
    `  RESULT_DIR: ${env["RESULT_DIR"]}`,
    `${unixDate(startedAt)}: Running ${framework.charAt(0).toUpperCase()}${framework.slice(1)} job`,
    "",
  ].join("\n");
}

/** `Fri Jul  6 08:12:32 UTC 2018`, as `date` prints it in the C locale. */
function unixDate(time: Date): string {
  const [weekday, day, month, year, clock] = time.toUTCString().replace(",", "").split(" ");
  return `${weekday} ${month} ${String(Number(day)).padStart(2, " ")} ${clock} UTC ${year}`;
}
