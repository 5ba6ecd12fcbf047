import { join } from "node:path";
import { fileNotReadable } from "./cli-error.ts";
import { readTextIfThere } from "./files.ts";
import type { CliIo } from "./io.ts";
import { writePrivateFile } from "./private-file.ts";

/** A connection's keys in the spelling of a manifest, `type` among them. */
export type CredentialProfile = Readonly<Record<string, string>>;

/** By name. Kept on the submitter's machine only; a server sees a profile's keys in the manifests that name it. */
export type CredentialProfiles = ReadonlyMap<string, CredentialProfile>;

export async function readProfiles(io: CliIo): Promise<CredentialProfiles> {
  const file = await profilesFile(io);
  const text = await readTextIfThere(file);
  if (text === undefined) return new Map();
  try {
    return new Map(Object.entries(JSON.parse(text) as Record<string, CredentialProfile>));
  } catch {
    throw fileNotReadable(file, "it is not JSON");
  }
}

/** Gives the file that keeps them. */
export async function saveProfiles(io: CliIo, profiles: CredentialProfiles): Promise<string> {
  const file = await profilesFile(io);
  await writePrivateFile(file, Object.fromEntries(profiles));
  return file;
}

async function profilesFile(io: CliIo): Promise<string> {
  return join((await io.folders()).config, "credentials.json");
}
