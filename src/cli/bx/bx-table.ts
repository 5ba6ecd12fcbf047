import { printable } from "../output/printable.ts";
import { widthMeter } from "../output/table.ts";

const GAP = "   ";

/**
 * Rows under a header as the client printed them: left-aligned, each column as wide as its widest cell and three
 * blanks, no blanks at line ends. `minimums` widens columns further once there are rows.
 */
export async function bxTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  minimums: readonly number[] = [],
): Promise<string> {
  const lines = [header, ...rows.map((row) => row.map(printable))];
  const width = await widthMeter(lines.flat());
  const widths = header.map((_, i) =>
    Math.max(rows.length > 0 ? (minimums[i] ?? 0) : 0, ...lines.map((line) => width(line[i] ?? ""))),
  );
  const pad = (text: string, i: number): string => text + " ".repeat((widths[i] ?? 0) - width(text));
  return lines.map((line) => `${line.map(pad).join(GAP).trimEnd()}\n`).join("");
}
