import type { FailureView, RunView } from "../contract/run.ts";

/** A run as the server would show it, completed unless the test says otherwise. */
export function scriptedRun(fields: Partial<RunView> & { readonly id: string }): RunView {
  return {
    name: "tf-mnist",
    description: null,
    author: null,
    owner: "admin",
    state: "completed",
    version: 1,
    attempt: 1,
    submittedAt: "2017-10-26T11:16:51.123Z",
    startedAt: "2017-10-26T11:16:52.000Z",
    endedAt: "2017-10-26T11:18:51.123Z",
    changedAt: "2017-10-26T11:18:51.123Z",
    stopRequestedAt: null,
    timeLimitSeconds: null,
    retries: 0,
    pastAttempts: [],
    deletedAt: null,
    undoUntil: null,
    framework: { name: "tensorflow", version: "1.2-py3", python: null, requirements: null, environment: null },
    command: "python3 convolutional_network.py",
    devices: [],
    devicesRequested: 1,
    deviceKind: "cpu_slot",
    learners: 1,
    cpus: null,
    memoryBytes: null,
    deviceType: null,
    checkpoints: "run",
    processTracking: null,
    staged: null,
    staging: null,
    data: { type: "s3", bucket: "mnist-training-data", location: "https://s3.example.com" },
    results: {
      type: "s3",
      bucket: "mnist-training-models",
      location: "https://s3.example.com",
      folder: fields.id,
      objects: 7,
      sizeBytes: 12_580,
      storedAt: "2017-10-26T11:18:51.000Z",
      localCopy: null,
    },
    definition: { sha256: "0".repeat(64), sizeBytes: 12_580 },
    waiting: null,
    delayed: null,
    failure: null,
    warnings: [],
    ...fields,
  };
}

/** A failure of the user's program, with what was in its log. */
export function scriptedFailure(fields: Partial<FailureView> = {}): FailureView {
  return {
    cause: "program_exit",
    turn: "program",
    phase: "running",
    attempt: 1,
    learner: null,
    exitCode: 1,
    signal: null,
    message: "The program ended with exit code 1.",
    hint: "Read the end of its log.",
    logTail: [],
    ...fields,
  };
}
