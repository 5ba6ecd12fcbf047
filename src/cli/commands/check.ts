import { formatBytes } from "../../base/byte-size.ts";
import type { ArchiveInspection } from "../../archive/inspect-archive.ts";
import type { CheckReport, ManifestProblem } from "../../contract/manifest-check.ts";
import type { ManifestReading } from "../../manifest/read-manifest.ts";
import { onlyDefinition } from "../cli-error.ts";
import { checkSubmission, type CheckedSubmission } from "../check-submission.ts";
import { say, type Context } from "../context.ts";
import { readFilledManifest } from "../filled-manifest.ts";
import { outputOption, type Program } from "../options.ts";
import { printData } from "../output/format.ts";
import { printable } from "../output/printable.ts";
import { formatPairs } from "../output/table.ts";
import { count, describePlace } from "../report.ts";
import { homeFor } from "../session.ts";
import { look, openDefinition, tellApart } from "../submission.ts";

type Spec = NonNullable<ManifestReading["spec"]>;

export function addCheck(program: Program, context: Context): void {
  program
    .command("check")
    .summary("say what a submission asks for, or all that is wrong with it")
    .description(
      "Read a manifest, and a model definition if one is given, without a server: show what they ask for and which " +
        "environment of this machine fits, or every problem with its place. How many devices and how much time there may " +
        "be, the server says at submission. Ends with 0, or with 2 if there are problems.",
    )
    .argument("<file>", "the manifest, or the model definition (ZIP or folder)")
    .argument("[other]", "the other of the two")
    .addOption(outputOption("table", "json", "yaml"))
    .action(async (first, second, options) => {
      const checked = await checkFiles(context, first, second);
      const environment = await findEnvironment(context, checked);
      const warnings = [...checked.warnings, ...environment.warnings];
      const { spec, problems } = checked;
      const report: CheckReport = { spec, problems, warnings };
      await printData(context.io, options.output, report, {
        table: () => (spec === null ? "" : describeSpec(spec, checked.inspection, environment.label)),
        name: () => "",
      });
      if (options.output === "table") await sayFindings(context, report);
      context.exitCode = problems.length === 0 ? 0 : 2;
    });
}

async function checkFiles(context: Context, first: string, second: string | undefined): Promise<CheckedSubmission> {
  const { io } = context;
  if (second === undefined) {
    const file = await look(first, "the manifest", io);
    if (file.kind === "archive" || file.kind === "folder") throw onlyDefinition(first);
    return await checkSubmission(await readFilledManifest(context, file), null);
  }
  const files = await tellApart(first, second, io);
  await using definition = await openDefinition(files);
  const manifest = await readFilledManifest(context, files.manifest);
  return await checkSubmission(manifest, { path: definition.path, shown: files.definition.shown });
}

interface EnvironmentFinding {
  readonly label: string | null;
  readonly warnings: readonly ManifestProblem[];
}

/** What is not here may be where the run will be submitted to: a warning here, a refusal there. */
async function findEnvironment(context: Context, checked: CheckedSubmission): Promise<EnvironmentFinding> {
  if (checked.spec === null) return { label: null, warnings: [] };
  const { name, version } = checked.spec.framework;
  const home = await homeFor(context.flags, context.io);
  const answer = await context.machine.resolveEnvironment(checked.spec.framework, home);
  if (answer.found) return { label: answer.label, warnings: [] };
  const warning = {
    code: "environment_unavailable",
    message: `Framework ${name} ${version} cannot run here: ${answer.fact}.`,
    hint: answer.hint,
    file: checked.manifestFile,
    line: null,
    column: null,
    path: "model_definition.framework",
  };
  return { label: null, warnings: [warning] };
}

function describeSpec(spec: Spec, inspection: ArchiveInspection | null, environment: string | null): string {
  const place = (reference: Spec["results"]): string => {
    const { connection, bucket } = reference;
    return `${connection.type} bucket '${printable(bucket)}'${printable(locationOf(connection))}`;
  };
  const author = [spec.author?.name ?? "", spec.author?.email ?? ""].filter((part) => part !== "").join(", ");
  const facts = formatPairs([
    ["Name", printable(spec.name)],
    ["Description", spec.description === null ? null : printable(spec.description)],
    ["Author", author === "" ? null : printable(author)],
    ["Framework", `${printable(spec.framework.name)} ${printable(spec.framework.version)}`],
    ["Python", spec.framework.python],
    ["Requirements", spec.framework.requirements === null ? null : printable(spec.framework.requirements)],
    ["Environment", environment === null ? "none here" : printable(environment)],
    ["Command", printable(spec.command)],
    ["Devices", spec.learners === 1 ? String(spec.devices) : `${spec.devices} for each of ${spec.learners} learners`],
    ["Device type", spec.deviceType === null ? null : printable(spec.deviceType)],
    ["CPUs", spec.cpus === null ? null : String(spec.cpus)],
    ["Memory", spec.memoryBytes === null ? null : formatBytes(spec.memoryBytes)],
    ["Data", spec.data === null ? "none" : place(spec.data)],
    ["Results", place(spec.results)],
    [
      "Files",
      inspection === null ? null : `${inspection.files.length}, ${formatBytes(inspection.totalBytes)} unpacked`,
    ],
  ]);
  return facts + (inspection === null ? "" : describeFiles(inspection));
}

function locationOf(connection: Spec["results"]["connection"]): string {
  if (connection.type === "s3") return ` at ${connection.endpointUrl}`;
  if (connection.type === "swift") return ` at ${connection.authUrl}`;
  return connection.root === null ? " (the server's own)" : ` in ${connection.root}`;
}

const FILES_SHOWN = 20;

function describeFiles({ files }: ArchiveInspection): string {
  const lines = files.slice(0, FILES_SHOWN).map((file) => `  ${printable(file.path)} (${formatBytes(file.sizeBytes)})`);
  if (files.length > FILES_SHOWN) lines.push(`  and ${count(files.length - FILES_SHOWN, "more file")}`);
  return lines.map((line) => `${line}\n`).join("");
}

async function sayFindings(context: Context, { problems, warnings }: CheckReport): Promise<void> {
  for (const warning of warnings) await say(context, `warning: ${describePlace(warning)}`);
  for (const problem of problems) await say(context, `error: ${describePlace(problem)}`);
  const verdict = problems.length === 0 ? "No problems" : count(problems.length, "problem");
  await say(context, `${verdict}${warnings.length === 0 ? "" : `, ${count(warnings.length, "warning")}`}.`);
}
