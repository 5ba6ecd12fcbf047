import { join } from "node:path";
import type { ArchiveLimits } from "../../archive/archive-limits.ts";
import { extractArchive } from "../../archive/extract-archive.ts";
import { formatBytes } from "../../base/byte-size.ts";
import type { Clock } from "../../base/clock.ts";
import type { Run } from "../../domain/run.ts";
import { archiveIn, type Definitions } from "../removal/definitions.ts";
import { learnerDirectory, LOAD_MODEL_LOG, type RunDirectory } from "../run/run-directory.ts";
import { openStagingLog } from "./staging-log.ts";

export interface CodeParts {
  readonly clock: Clock;
  readonly definitions: Definitions;
  readonly archiveLimits: Partial<ArchiveLimits>;
}

/** Unpacks a run's model definition into its working folder, which is empty, and says so in `load-model.log`. */
export async function stageCode(
  parts: CodeParts,
  run: Run,
  directory: RunDirectory,
  signal: AbortSignal,
): Promise<void> {
  const log = openStagingLog(join(learnerDirectory(directory, 1), LOAD_MODEL_LOG), parts.clock);
  await log.write(`Unpacking the model definition ${run.definitionSha256} (${formatBytes(run.definitionSizeBytes)})`);
  const definition = archiveIn(await parts.definitions.contentOf(run));
  const options = { ...parts.archiveLimits, command: run.spec.command };
  const archive = await extractArchive(definition, directory.code, options, signal);
  if (archive.topFolder !== null)
    await log.write(`Every file is in the folder '${archive.topFolder}', which is left out`);
  if (archive.ignored.length > 0) await log.write(`Left out: ${archive.ignored.slice(0, 20).join(", ")}`);
  await log.write(`Unpacked ${archive.files.length} files, ${formatBytes(archive.totalBytes)}`);
}
