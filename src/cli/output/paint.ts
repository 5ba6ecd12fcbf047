import { styleText } from "node:util";
import type { RunStateName } from "../../contract/run.ts";
import type { Output } from "../io.ts";

type Style = Parameters<typeof styleText>[0];

const STATE_STYLES: Record<RunStateName, Style> = {
  pending: "dim",
  downloading: "cyan",
  running: "cyan",
  storing: "cyan",
  completed: "green",
  failed: "red",
  canceled: "yellow",
};

/** The text in a style, where the output shows colours. */
export function paint(output: Output, style: Style, text: string): string {
  return output.hasColor ? styleText(style, text, { validateStream: false }) : text;
}

export function paintState(output: Output, state: RunStateName): string {
  return paint(output, STATE_STYLES[state], state);
}
