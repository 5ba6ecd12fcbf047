import { Argument } from "@commander-js/extra-typings";
import { formatBytes } from "../../base/byte-size.ts";
import type { EnvironmentView } from "../../contract/environment.ts";
import { wrongUse } from "../cli-error.ts";
import { connect, say, type Context } from "../context.ts";
import { outputOption, type Program } from "../options.ts";
import { ageOf } from "../output/age.ts";
import { printData, type DataFormat } from "../output/format.ts";
import { printable } from "../output/printable.ts";
import { formatTable } from "../output/table.ts";

/** One request; as long as the build is not done, the same is asked again. */
const WAIT_SECONDS = 30;

export function addEnvironments(program: Program, context: Context): void {
  program
    .command("environments")
    .summary("list what programs can run in, build it ahead, remove it")
    .description(
      "List the places that programs can run in on the server; build the one for a framework and version before a run asks " +
        "for it; or remove one that was built. Stopping the command does not stop a build.",
    )
    .addArgument(new Argument("<action>", "list, build or remove").choices(["list", "build", "remove"]))
    .argument("[what]", "to build: the framework; to remove: the id in the list")
    .argument("[version]", "to build: the version as a manifest writes it")
    .addOption(outputOption("table", "json", "yaml", "name"))
    .action(async (action, what, version, options) => {
      if (action === "list") return await printEnvironments(context, options.output);
      if (action === "remove") return await remove(context, what);
      return await build(context, what, version, options.output);
    });
}

async function printEnvironments(context: Context, output: DataFormat): Promise<void> {
  const listing = await (await connect(context)).call("listEnvironments", {});
  const { environments, building, installer, buildable } = listing;
  await printData(context.io, output, listing, {
    table: () => environmentTable(context, environments),
    name: () => names(environments),
  });
  if (output !== "table") return;
  if (environments.length === 0) await say(context, "No environments.");
  for (const id of building) await say(context, `Environment ${id} is being built.`);
  if (installer === null) return await say(context, "Nothing is built on this server.");
  await say(context, `Built on first use: ${buildable.map(({ framework }) => framework).join(", ")}.`);
}

async function build(
  context: Context,
  framework: string | undefined,
  version: string | undefined,
  output: DataFormat,
): Promise<void> {
  if (isMissing(framework) || isMissing(version))
    throw wrongUse(
      "A build needs a framework and a version.",
      "Write for example: trainyard environments build tensorflow 2",
    );
  const client = await connect(context);
  const order = { query: { waitSeconds: WAIT_SECONDS }, json: { framework, version } };
  await say(context, `Building ${framework} ${version}, if it must be built …`);
  let answer = await client.call("buildEnvironment", order);
  while (answer.environment === null) answer = await client.call("buildEnvironment", order);
  const { environment } = answer;
  await printData(context.io, output, environment, {
    table: () => environmentTable(context, [environment]),
    name: () => names([environment]),
  });
}

async function remove(context: Context, id: string | undefined): Promise<void> {
  if (isMissing(id)) throw wrongUse("Which environment shall I remove?", "Write: trainyard environments remove ID");
  await (await connect(context)).call("removeEnvironment", { params: { id } });
  await say(context, `Removed environment ${printable(id)}. A run that needs it builds it again.`);
}

/** Left out, or empty: the variable in a script has no value. */
function isMissing(word: string | undefined): word is undefined | "" {
  return word === undefined || word === "";
}

/** What was not built here has no id. */
function names(environments: readonly EnvironmentView[]): string {
  return environments.flatMap(({ id }) => (id === null ? [] : [`${id}\n`])).join("");
}

async function environmentTable(context: Context, environments: readonly EnvironmentView[]): Promise<string> {
  const now = context.io.now();
  return await formatTable(
    [
      { title: "FRAMEWORK", value: (one: EnvironmentView) => one.framework },
      { title: "VERSION", value: (one) => one.version },
      { title: "FROM", value: ({ origin }) => origin.replace("_", " ") },
      { title: "ID", value: (one) => one.id ?? "" },
      { title: "SIZE", value: (one) => (one.sizeBytes === null ? "" : formatBytes(one.sizeBytes)) },
      { title: "USED", value: (one) => usedText(one, now) },
      { title: "WHAT", value: (one) => one.label },
    ],
    environments,
  );
}

function usedText({ inUse, lastUsedAt }: EnvironmentView, now: Date): string {
  if (inUse) return "now";
  return lastUsedAt === null ? "" : ageOf(lastUsedAt, now);
}
