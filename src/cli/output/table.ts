import { printable } from "./printable.ts";

export interface Column<T> {
  readonly title: string;
  /** The text as it is; control characters are made harmless here. */
  readonly value: (row: T) => string;
  /** Dresses the finished, padded-to-be text, in colours say. It must not change the width. */
  readonly dress?: (text: string, row: T) => string;
}

const GAP = "   ";

/**
 * Rows under a header, columns as wide as their widest cell, no blanks at line ends. Ends in a newline; without rows
 * there is no header either, and it is the caller's to say that there are none.
 */
export async function formatTable<T>(columns: readonly Column<T>[], rows: readonly T[]): Promise<string> {
  if (rows.length === 0) return "";
  const cells = rows.map((row) => columns.map((column) => printable(column.value(row))));
  const width = await widthMeter(cells.flat());
  const widths = columns.map((column, i) =>
    Math.max(column.title.length, ...cells.map((line) => width(line[i] ?? ""))),
  );
  const header = columns.map((column, i) => column.title.padEnd(widths[i] ?? 0)).join(GAP);
  const lines = cells.map((line, r) =>
    columns
      .map((column, i) => {
        const text = line[i] ?? "";
        const padding = i === columns.length - 1 ? "" : " ".repeat((widths[i] ?? 0) - width(text));
        return (column.dress?.(text, rows[r] as T) ?? text) + padding;
      })
      .join(GAP),
  );
  return [header, ...lines].map((line) => `${line.trimEnd()}\n`).join("");
}

/** `key   value` lines with the keys padded to the widest; an undefined or null value leaves its line out. */
export function formatPairs(pairs: readonly (readonly [string, string | null | undefined])[]): string {
  const shown = pairs.filter(([, value]) => value !== undefined && value !== null);
  const width = Math.max(0, ...shown.map(([key]) => key.length));
  return shown.map(([key, value]) => `${key.padEnd(width)}${GAP}${value}`.trimEnd() + "\n").join("");
}

/** How many terminal cells a text takes. The tables for that are loaded only where a text is not plain ASCII. */
export async function widthMeter(texts: readonly string[]): Promise<(text: string) => number> {
  // eslint-disable-next-line no-control-regex -- `printable` has removed them; this asks for ASCII.
  if (texts.every((text) => /^[\x00-\x7f]*$/.test(text))) return (text) => text.length;
  const { default: stringWidth } = await import("string-width");
  return stringWidth;
}
