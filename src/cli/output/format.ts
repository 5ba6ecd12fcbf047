import type { CliIo } from "../io.ts";

export type DataFormat = "table" | "json" | "yaml" | "name";

export interface Texts {
  readonly table: () => string | Promise<string>;
  readonly name: () => string;
}

/** Prints data on stdout. `table` and `name` are made by the caller, who knows what people want to see. */
export async function printData(io: CliIo, format: DataFormat, data: unknown, texts: Texts): Promise<void> {
  await io.stdout.write(await textOf(format, data, texts));
}

async function textOf(format: DataFormat, data: unknown, texts: Texts): Promise<string> {
  if (format === "json") return `${JSON.stringify(data, null, 2)}\n`;
  if (format === "yaml") return (await import("yaml")).stringify(data);
  return await texts[format]();
}
