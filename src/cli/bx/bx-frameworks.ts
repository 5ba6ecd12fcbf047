import { connect, type Context } from "../context.ts";
import { bxTable } from "./bx-table.ts";

/** Everything that the server can really run, found by probing, under the heading of the client's fixed list. */
export async function listFrameworks(context: Context): Promise<void> {
  const { stdout } = context.io;
  await stdout.write("Fetching the list of frameworks ...\n");
  const client = await connect(context);
  const { frameworks } = await client.call("listFrameworks", {});
  const rows = frameworks.map(({ name, version }, i) => [String(i + 1), name, version]);
  await stdout.write(await bxTable(["SI No", "Name", "Version"], rows));
  await stdout.write(`\n${frameworks.length} records found.\nOK\nList frameworks successful\n`);
}
