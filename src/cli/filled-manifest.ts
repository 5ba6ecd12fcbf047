import type { ManifestProblem } from "../contract/manifest-check.ts";
import { fillInVariables } from "../manifest/fill-in.ts";
import type { Context } from "./context.ts";
import { readProfiles } from "./credential-profiles.ts";
import { readManifestFile } from "./submission.ts";

/** A manifest as it may be sent: what its connections leave to the submitter's side is filled in. */
export interface FilledManifest {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Its name as it was typed; problems are told with it. */
  readonly shown: string;
  /** What could not be filled in. */
  readonly problems: readonly ManifestProblem[];
}

/** Reads a manifest and fills in its variables from this environment and its profiles from this user's file. */
export async function readFilledManifest(
  context: Context,
  manifest: { readonly path: string; readonly shown: string },
): Promise<FilledManifest> {
  const { io } = context;
  const bytes = await readManifestFile(manifest);
  const profiles = await readProfiles(io);
  const { source, problems } = fillInVariables(bytes, manifest.shown, {
    variable: (name) => io.env[name],
    profile: (name) => profiles.get(name),
  });
  return { bytes: typeof source === "string" ? Buffer.from(source) : bytes, shown: manifest.shown, problems };
}
