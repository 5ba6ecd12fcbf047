import { amend } from "../../domain/run.ts";
import type { EngineError } from "../../engines/engine-error.ts";
import type { RunBook } from "./run-book.ts";

/** What stays may start itself anew, under another number, for as long as it likes. */
const MOST_WARNINGS = 20;

/**
 * Tells everybody that a run cannot leave its devices, and who stays there; once for each that stays. The run keeps its state, and with
 * it its devices, until the engine says that nothing of it is left.
 */
export async function tellWithheld(book: RunBook, id: string, error: EngineError): Promise<void> {
  const run = await book.get(id);
  if (run.state !== "running" || run.devices.length === 0) return;
  const warning = `Its devices (${run.devices.join(", ")}) are not given to others: ${error.message}`;
  if (run.warnings.includes(warning) || run.warnings.length >= MOST_WARNINGS) return;
  await book.update(id, (latest, now) => {
    const change = { warnings: [...latest.warnings, warning] };
    return { run: amend(latest, now, change), events: [{ type: "devices_withheld", message: warning }] };
  });
}
