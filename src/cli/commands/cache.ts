import { Argument } from "@commander-js/extra-typings";
import { formatBytes } from "../../base/byte-size.ts";
import type { CacheStatus } from "../../contract/cache.ts";
import { connect, say, type Context } from "../context.ts";
import { outputOption, type Program } from "../options.ts";
import { printData, type DataFormat } from "../output/format.ts";
import { printable } from "../output/printable.ts";
import { formatPairs } from "../output/table.ts";

export function addCache(program: Program, context: Context): void {
  program
    .command("cache")
    .summary("show the server's cache of training data, or empty it")
    .description(
      "Show how much training data the server keeps for the runs to come, how often runs found theirs there, and by what " +
        "means they see it; or remove what no live run uses.",
    )
    .addArgument(new Argument("<action>", "status or clear").choices(["status", "clear"]))
    .addOption(outputOption("table", "json", "yaml"))
    .action(async (action, { output }) =>
      action === "status" ? await printStatus(context, output) : await clear(context, output),
    );
}

async function printStatus(context: Context, output: DataFormat): Promise<void> {
  const status = await (await connect(context)).call("showCache", {});
  await printData(context.io, output, status, { table: () => describe(status), name: () => "" });
}

async function clear(context: Context, output: DataFormat): Promise<void> {
  const cleared = await (await connect(context)).call("clearCache", {});
  await printData(context.io, output, cleared, { table: () => "", name: () => "" });
  if (output === "table") await say(context, `Freed ${formatBytes(cleared.freedBytes)}. What live runs use stayed.`);
}

function describe({ objects, sizeBytes, maxBytes, inUse, hits, misses, view }: CacheStatus): string {
  const asked = hits.objects + misses.objects;
  const rate = asked === 0 ? "" : ` (${Math.round((100 * hits.objects) / asked)} %)`;
  const facts = formatPairs([
    ["Kept", `${objects} objects, ${formatBytes(sizeBytes)} of at most ${formatBytes(maxBytes)}`],
    ["In use", `${inUse} selections, by live runs`],
    ["Found here", `${hits.objects} objects, ${formatBytes(hits.sizeBytes)}${rate} since the server started`],
    ["Downloaded", `${misses.objects} objects, ${formatBytes(misses.sizeBytes)}`],
    ["DATA_DIR", view.name],
  ]);
  return facts + view.refused.map((reason) => `${printable(reason)}\n`).join("");
}
