import type { Client } from "../../client/client.ts";
import type { EventList } from "../../contract/run.ts";
import { connect, type Context } from "../context.ts";
import { outputOption, type Program } from "../options.ts";
import { printData } from "../output/format.ts";
import { formatTable } from "../output/table.ts";
import { findRunId } from "../run-reference.ts";

type Event = EventList["events"][number];

const PAGE = 1000;

export function addEvents(program: Program, context: Context): void {
  program
    .command("events")
    .summary("tell a run's story")
    .description("Tell what happened to a run, oldest first.")
    .argument("<id>", "the run's id, the beginning of one, or @ for the newest run")
    .addOption(outputOption("table", "json", "yaml"))
    .action(async (text, options) => {
      const client = await connect(context);
      const id = await findRunId(client, text);
      const events = await readEvents(client, id);
      await printData(context.io, options.output, events, { table: () => eventTable(events), name: () => "" });
    });
}

async function readEvents(client: Client, id: string): Promise<readonly Event[]> {
  const events: Event[] = [];
  for (;;) {
    const afterSequence = events.at(-1)?.sequence ?? 0;
    const page = await client.call("listEvents", { params: { id }, query: { afterSequence, limit: PAGE } });
    events.push(...page.events);
    if (page.events.length < PAGE) return events;
  }
}

async function eventTable(events: readonly Event[]): Promise<string> {
  return await formatTable(
    [
      { title: "TIME", value: (event: Event) => event.at },
      { title: "EVENT", value: (event) => event.type },
      { title: "WHAT HAPPENED", value: (event) => event.message },
    ],
    events,
  );
}
