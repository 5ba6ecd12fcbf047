import { manifestInvalid, requestInvalid } from "../../domain/errors.ts";
import type { Run } from "../../domain/run.ts";
import type { ConnectionCredentials } from "../../domain/training-spec.ts";
import { readManifest } from "../../manifest/read-manifest.ts";

/**
 * The credentials that a manifest brings for a run's results bucket, such as the one it was submitted with and newer
 * keys in it. Refused unless it means the very same bucket: keys must not reach another store than their owner meant.
 */
export function credentialsFor(run: Run, manifest: string): ConnectionCredentials | null {
  const { spec, credentials, problems } = readManifest(Buffer.from(manifest), "manifest");
  if (spec === null || credentials === null) throw manifestInvalid(problems);
  const { bucket, connection } = run.spec.results;
  const isSame =
    spec.results.bucket === bucket && JSON.stringify(spec.results.connection) === JSON.stringify(connection);
  if (isSame) return credentials.results;
  throw requestInvalid(
    `The manifest's results do not go to bucket '${bucket}' at the place where run '${run.id}' has it.`,
    "Give the manifest that the run was submitted with, with new credentials in it.",
  );
}
