import { normalize } from "node:path";
import type { ArchiveLimits } from "../archive/archive-limits.ts";
import { inspectArchive, type ArchiveInspection } from "../archive/inspect-archive.ts";
import type { Clock } from "../base/clock.ts";
import type { DataStores } from "../datastores/data-stores.ts";
import { type DefinitionContent, definitionSize } from "../domain/definition-content.ts";
import { countDevices } from "../domain/device.ts";
import {
  idempotencyKeyReused,
  manifestInvalid,
  requestInvalid,
  ServiceError,
  tooManyDevices,
} from "../domain/errors.ts";
import { newRunId } from "../domain/run-id.ts";
import { newRun, type Run } from "../domain/run.ts";
import type { Credentials, TrainingSpec } from "../domain/training-spec.ts";
import type { EnvironmentCatalogue } from "../environments/environment.ts";
import { readManifest } from "../manifest/read-manifest.ts";
import type { NewRun, Store } from "../store/store.ts";
import { PLAIN_RULES, withinRules, type AttemptRules } from "./queue/attempt-rules.ts";
import { archiveIn, type Definitions } from "./removal/definitions.ts";
import { deviceKindFor, waitingFor, type Machine } from "./queue/machine.ts";
import type { RunBook } from "./run/run-book.ts";
import { refuseMissingEnvironment } from "./preparation/run-environment.ts";
import type { Scheduler } from "./queue/scheduler.ts";

export interface Submission {
  /** A file is in the home's `tmp/`, synced; the service takes it over, or leaves it to the caller when it refuses. */
  readonly zip: DefinitionContent;
  readonly sha256: string;
  readonly manifest: Uint8Array;
  /** For messages only: the file's name at the sender's. */
  readonly manifestName: string;
  readonly idempotencyKey: string | null;
  readonly principal: { readonly account: string };
}

export interface SubmissionParts {
  readonly clock: Clock;
  readonly store: Store;
  readonly book: RunBook;
  readonly definitions: Pick<Definitions, "takeOver" | "removeUnused">;
  readonly scheduler: Scheduler;
  readonly dataStores: DataStores;
  readonly environments: EnvironmentCatalogue;
  readonly machine: Machine;
  readonly archiveLimits: Partial<ArchiveLimits>;
  /** What the operator says of attempts; left out: as without a configuration. */
  readonly attemptRules?: AttemptRules;
  /** Called when it cannot be told whether the run is on disk: it must not wait there without being in the queue. */
  onDoubt(id: string): void;
  sealCredentials(runId: string, credentials: Credentials): string;
}

/** How a run comes to be: what was sent is read and judged, kept, and put into the queue. */
export class Submissions {
  readonly #parts: SubmissionParts;

  constructor(parts: SubmissionParts) {
    this.#parts = parts;
  }

  /**
   * Accepts a run, or refuses it before anything is created. Resolves only after code and row are on disk.
   * The same idempotency key with the same content gives the first run again (`created: false`).
   */
  async submit(request: Submission, signal: AbortSignal): Promise<{ readonly run: Run; readonly created: boolean }> {
    const { clock } = this.#parts;
    const reading = readManifest(request.manifest, request.manifestName);
    if (reading.spec === null || reading.credentials === null) throw manifestInvalid(reading.problems);
    const { credentials } = reading;
    const spec = withinRules(reading.spec, this.#parts.attemptRules ?? PLAIN_RULES);
    await this.#refuseWhatCannotRun(spec, signal);
    const archive = await inspectArchive(archiveIn(request.zip), {
      ...this.#parts.archiveLimits,
      command: spec.command,
    });
    refuseMissingRequirements(spec.framework.requirements, archive);

    const warnings = reading.warnings.map((warning) => warning.message);
    const fresh = newRun({
      id: newRunId(),
      owner: request.principal.account,
      spec,
      definitionSha256: request.sha256,
      definitionSizeBytes: definitionSize(request.zip),
      submittedAt: clock.now(),
      deviceKind: deviceKindFor(spec, this.#parts.machine),
      warnings,
    });
    const sealedCredentials = this.#parts.sealCredentials(fresh.id, credentials);
    return this.enter({ run: fresh, sealedCredentials, idempotencyKey: request.idempotencyKey }, request.zip);
  }

  /** The last step of `submit`: takes over the ZIP, writes the run that was judged fit and lets it queue up. */
  async enter(entry: NewRun, zip: DefinitionContent): Promise<{ readonly run: Run; readonly created: boolean }> {
    const { book, definitions, scheduler, machine } = this.#parts;
    const { definitionSha256 } = entry.run;
    await book.noticeTime();
    const insert = async (definition: Uint8Array | null) => this.#insert({ ...entry, definition });
    const { run, created } = await definitions.takeOver(zip, definitionSha256, insert);
    if (!created) {
      if (!isSameSubmission(run, entry.run)) {
        await definitions.removeUnused(definitionSha256);
        throw idempotencyKeyReused(entry.idempotencyKey ?? "", run.id);
      }
      return { run, created };
    }
    book.begin(run);
    scheduler.enqueue(waitingFor(run, machine));
    scheduler.schedule();
    return { run, created };
  }

  /** An insert that was answered with an error may be on disk all the same. */
  async #insert(entry: NewRun): Promise<{ readonly run: Run; readonly created: boolean }> {
    try {
      return await this.#parts.store.insertRun(entry);
    } catch (error) {
      if (!(error instanceof ServiceError) || error.kind === "unavailable") this.#parts.onDoubt(entry.run.id);
      throw error;
    }
  }

  /** What this installation cannot do is said at submission, never found out later. */
  async #refuseWhatCannotRun(spec: TrainingSpec, signal: AbortSignal): Promise<void> {
    const { machine, dataStores, environments } = this.#parts;
    const { devices, kind } = waitingFor({ id: "", spec, deviceKind: null }, machine);
    const present = machine.devices.filter((device) => device.kind === kind).length;
    if (devices > present) throw tooManyDevices(devices, countDevices(present, kind));
    if (spec.data !== null) dataStores.check(spec.data.connection, spec.data.bucket);
    dataStores.check(spec.results.connection, spec.results.bucket);
    await refuseMissingEnvironment(environments, spec.framework, signal);
  }
}

function refuseMissingRequirements(requirements: string | null, { files }: ArchiveInspection): void {
  if (requirements === null || files.some(({ path }) => path === normalize(requirements))) return;
  const message = `The model definition has no file '${requirements}', which the manifest names as its requirements.`;
  throw requestInvalid(message, "Put the file into the ZIP, or mend 'requirements' in the manifest.");
}

function isSameSubmission(a: Run, b: Run): boolean {
  return a.definitionSha256 === b.definitionSha256 && JSON.stringify(a.spec) === JSON.stringify(b.spec);
}
