import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./service.ts";

/** One command of a page, with what the page says that it prints. */
export interface Step {
  readonly command: string;
  readonly expected: readonly string[];
  readonly line: number;
}

/**
 * A fenced block of a page that the test does something with. The info string behind the fence says what:
 *
 *   console                           commands behind `$ ` (lines behind `> ` continue one), each followed by its output
 *   console (a terminal of its own)   the same, beside the others until the page ends or a line says `^C`
 *   sh (shown only)                   commands that are not run
 *   yaml job.yaml                     a file of that name in the working folder
 *
 * In expected output a line `...` stands for any lines.
 */
export type Block =
  | { readonly kind: "session"; readonly steps: readonly Step[]; readonly line: number }
  | { readonly kind: "own_terminal"; readonly steps: readonly Step[]; readonly line: number }
  | { readonly kind: "shown_only"; readonly commands: readonly string[]; readonly line: number }
  | { readonly kind: "file"; readonly name: string; readonly text: string; readonly line: number }
  /** A shell block that does not say whether it is run. */
  | { readonly kind: "undecided"; readonly line: number };

export interface Page {
  /** From the checkout: `docs/start/install.md`. */
  readonly path: string;
  readonly blocks: readonly Block[];
  readonly needsS3: boolean;
  readonly needsSwift: boolean;
}

const FENCE = /^```(\S*) ?(.*)\n([\s\S]*?)^```$/gm;
const SHELLS = new Set(["sh", "bash", "shell", "zsh", "console", "shell-session"]);
const COMMAND = /^(?:\$ |(?:bin\/)?(?:trainyard|bx)|curl|npm|sudo|git) ?/;
const NEEDS_S3 = /<!--.*against a real S3 server.*-->/;
const NEEDS_SWIFT = /<!--.*against a real Swift server.*-->/;

export function readPage(path: string): Page {
  const text = readFileSync(join(ROOT, path), "utf8");
  const blocks = [...text.matchAll(FENCE)].flatMap(({ index, 1: language = "", 2: info = "", 3: body = "" }) => {
    const line = text.slice(0, index).split("\n").length + 1;
    return blockOf(language, info, body, line, text.slice(0, index)) ?? [];
  });
  return { path, blocks, needsS3: NEEDS_S3.test(text), needsSwift: NEEDS_SWIFT.test(text) };
}

function blockOf(language: string, info: string, body: string, line: number, before: string): Block | null {
  if (SHELLS.has(language) || (language === "" && COMMAND.test(body))) {
    if (language === "console" && info === "") return { kind: "session", steps: stepsOf(body, line), line };
    if (language === "console" && info === "(a terminal of its own)")
      return { kind: "own_terminal", steps: stepsOf(body, line), line };
    if (language === "sh" && info === "(shown only)")
      return { kind: "shown_only", commands: body.trimEnd().split("\n"), line };
    return { kind: "undecided", line };
  }
  if (!/^[\w.-]+\.[a-z]+$/.test(info)) return null;
  // The info string is not on show, so the sentence above the block must tell the reader the file's name too.
  if (!before.trimEnd().split("\n\n").at(-1)?.includes(`\`${info}\``)) return { kind: "undecided", line };
  return { kind: "file", name: info, text: body, line };
}

function stepsOf(body: string, firstLine: number): Step[] {
  const steps: { command: string; expected: string[]; line: number }[] = [];
  for (const [i, text] of body.trimEnd().split("\n").entries()) {
    const last = steps.at(-1);
    if (text.startsWith("$ ")) steps.push({ command: text.slice(2), expected: [], line: firstLine + i });
    else if (text === "^C") steps.push({ command: text, expected: [], line: firstLine + i });
    else if (last === undefined) throw new Error(`Line ${firstLine + i}: output without a command: ${text}`);
    else if (text.startsWith("> ") && last.expected.length === 0) last.command += `\n${text.slice(2)}`;
    else last.expected.push(text);
  }
  return steps;
}
