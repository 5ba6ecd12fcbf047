import { Option } from "@commander-js/extra-typings";
import { fillInVariables, type Submitter } from "../../manifest/fill-in.ts";
import { PRINTED_DIALECTS } from "../../manifest/conversion.ts";
import { printManifest } from "../../manifest/print-manifest.ts";
import type { Problem } from "../../manifest/problem.ts";
import { readManifest, type ManifestReading } from "../../manifest/read-manifest.ts";
import { CliError, notAManifest, onlyDefinition } from "../cli-error.ts";
import { say, type Context } from "../context.ts";
import { readProfiles, type CredentialProfile } from "../credential-profiles.ts";
import type { Program } from "../options.ts";
import { printable } from "../output/printable.ts";
import { count, describePlace } from "../report.ts";
import { look, readManifestFile } from "../submission.ts";

/** Warnings about a run of the manifest, which say nothing about what becomes of it in another dialect. */
const ABOUT_RUNNING: readonly Problem["code"][] = ["device_type_ignored", "data_absent"];

const SECRET_KEYS: ReadonlySet<string> = new Set(["aws_secret_access_key", "password"]);

/** A placeholder, so that it is refused by name where nobody has replaced it. */
const SECRET = "<the profile's secret>";

export function addConvert(program: Program, context: Context): void {
  program
    .command("convert")
    .summary("print a manifest in another dialect")
    .description(
      "Print a manifest as Watson ML's, FfDL's or Trainyard's own on stdout, and on stderr, line by line, what it does not " +
        "say any more or says otherwise. Credentials are carried over, and so are placeholders and ${VARIABLES} that " +
        "stand in their place; a profile is written out without its secret. Comments are not carried over.",
    )
    .argument("<manifest>", "the manifest, YAML or JSON")
    .addOption(new Option("--to <dialect>", "the dialect").choices(PRINTED_DIALECTS).makeOptionMandatory())
    .action(async (path, { to }) => {
      const { spec, credentials, warnings } = await readForConversion(context, path);
      const { text, notes } = printManifest(spec, credentials, to);
      await context.io.stdout.write(text);
      const told = warnings.filter(({ code }) => !ABOUT_RUNNING.includes(code));
      for (const warning of told) await say(context, `warning: ${describePlace(warning)}`);
      for (const note of notes) await say(context, printable(`${note.field ?? to}: ${note.message}`));
      if (notes.some(({ field }) => field !== null)) return;
      await say(context, "Everything that Trainyard understands of the manifest is in the printed one.");
    });
}

type Complete = ManifestReading & {
  readonly [Key in "spec" | "credentials"]: NonNullable<ManifestReading[Key]>;
};

async function readForConversion(context: Context, path: string): Promise<Complete> {
  const file = await look(path, "the manifest", context.io);
  if (file.kind === "folder") throw notAManifest(path);
  if (file.kind === "archive") throw onlyDefinition(path);
  const filled = fillInVariables(await readManifestFile(file), path, await keepSecrets(context));
  const reading = readManifest(filled.source, path, { forConversion: true });
  if (isComplete(reading)) return reading;
  const problems = filled.problems.length === 0 ? reading.problems : filled.problems;
  throw new CliError(
    2,
    `The manifest has ${count(problems.length, "problem")}, so it is not converted.`,
    "Mend each of the listed places.",
    problems.map(describePlace),
  );
}

/** Variables stay what they are, and a profile is written out but for its secret, which was never in the manifest. */
async function keepSecrets(context: Context): Promise<Submitter> {
  const profiles = await readProfiles(context.io);
  return {
    variable: (name) => `\${${name}}`,
    profile: (name) => {
      const profile = profiles.get(name);
      if (profile === undefined) return undefined;
      const keys = Object.entries(profile).map(([key, value]) => [key, SECRET_KEYS.has(key) ? SECRET : value]);
      return Object.fromEntries(keys) as CredentialProfile;
    },
  };
}

function isComplete(reading: ManifestReading): reading is Complete {
  return reading.spec !== null && reading.credentials !== null;
}
