import { readFileSync } from "node:fs";
import { isMap, isScalar, isSeq, LineCounter, parseDocument, visit } from "yaml";
import type { Document, Node, Pair } from "yaml";
import { nearest } from "../base/nearest.ts";
import { configurationInvalid } from "../domain/errors.ts";
import type { ConfigurationProblem } from "./configuration-problem.ts";
import { TEXT_KEYS } from "./environment-entry.ts";
import { SETTING_KEYS, isSettingKey } from "./setting-table.ts";
import type { SettingKey } from "./setting-table.ts";

const LARGEST_FILE = 1_000_000;

export interface ConfigurationFile {
  /** What the file says, unchecked. */
  readonly values: ReadonlyMap<SettingKey, unknown>;
  readonly problems: readonly ConfigurationProblem[];
  /** A problem with a part of a setting; its place is the part's, or the setting's where that part is not there. */
  problemAt(
    key: SettingKey,
    part: readonly PropertyKey[],
    what: "key" | "value",
    message: string,
    hint: string,
  ): ConfigurationProblem;
}

/** Reads the file as far as its shape goes: which keys there are and where. What they hold is the settings' business. */
export function readConfigurationFile(path: string): ConfigurationFile {
  const lines = new LineCounter();
  const document = parseDocument(readText(path), {
    version: "1.2",
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
  });
  const values = new Map<SettingKey, unknown>();
  const problems: ConfigurationProblem[] = [];

  const at = (offset: number, key: string, message: string, hint: string): ConfigurationProblem => {
    const { line, col } = lines.linePos(offset);
    return { message, hint, key, place: `${path}:${line}:${col}`, file: path, line, column: col };
  };
  for (const { pos, message } of [...document.errors, ...document.warnings]) {
    const fact = message.replace(/\.?$/, ".");
    problems.push(at(pos[0], "", `This is not YAML: ${fact}`, "Compare it with the example in the reference."));
  }
  visit(document, {
    Alias: (_, { range, source }) => {
      const fact = `'*${source}' refers to another place, which is not done here.`;
      problems.push(at(range?.[0] ?? 0, "", fact, "Write the value itself."));
    },
  });
  const read = (node: unknown, prefix: string): void => {
    if (isEmpty(node)) return;
    if (!isMap(node)) {
      const name = prefix === "" ? "The configuration" : `'${prefix.slice(0, -1)}'`;
      problems.push(
        at(offsetOf(node), prefix.slice(0, -1), `${name} must be a map of keys and values.`, exampleOf(prefix)),
      );
      return;
    }
    for (const pair of node.items) {
      const key = prefix + keyText(pair);
      if (keyText(pair).includes(".")) {
        problems.push(at(offsetOf(pair.key), key, `There is no setting '${key}' on one level.`, nestingAdvice(key)));
      } else if (isSettingKey(key)) {
        if (!isEmpty(pair.value)) values.set(key, plain(pair.value, false));
      } else if (SETTING_KEYS.some((known) => known.startsWith(`${key}.`))) {
        read(pair.value, `${key}.`);
      } else {
        problems.push(at(offsetOf(pair.key), key, `There is no setting '${key}'.`, adviceFor(key, prefix)));
      }
    }
  };
  if (problems.length === 0) read(document.contents, "");
  return {
    values,
    problems,
    problemAt: (key, part, what, message, hint) =>
      at(offsetOf(findNode(document, key, part, what)), [key, ...part.map(String)].join("."), message, hint),
  };
}

function readText(path: string): string {
  try {
    const text = readFileSync(path, "utf8");
    if (text.length <= LARGEST_FILE) return text;
  } catch (error) {
    const reason =
      error instanceof Error && "code" in error && error.code === "ENOENT" ? "is not there" : "cannot be read";
    throw configurationInvalid(`The configuration file '${path}' ${reason}.`, "Check the path given with --config.");
  }
  throw configurationInvalid(
    `The configuration file '${path}' is larger than ${LARGEST_FILE} bytes.`,
    "It is hardly the file you meant: check the path given with --config.",
  );
}

/** What the node says as plain values. `asText` keeps what was written: `1.10`, `yes`, `0x10`. */
function plain(node: unknown, asText: boolean): unknown {
  if (isScalar(node)) return asText && node.value !== null ? node.source : node.value;
  if (isSeq(node)) return node.items.map((item) => plain(item, asText));
  if (isMap(node)) {
    return Object.fromEntries(
      node.items.map((pair) => [keyText(pair), plain(pair.value, asText || TEXT_KEYS.has(keyText(pair)))]),
    );
  }
  return undefined;
}

function isEmpty(node: unknown): boolean {
  return node === null || node === undefined || (isScalar(node) && node.value === null);
}

function keyText(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
}

function offsetOf(node: unknown): number {
  return (node as Node | null | undefined)?.range?.[0] ?? 0;
}

/** The value of a part of a setting, or its key; where it is not there, the last on the way that is. */
function findNode(document: Document, key: SettingKey, part: readonly PropertyKey[], what: "key" | "value"): unknown {
  const steps = [...key.split("."), ...part];
  let node: unknown = document.contents;
  for (const [index, step] of steps.entries()) {
    const pair = isMap(node) ? node.items.find((item) => keyText(item) === String(step)) : undefined;
    const next = isSeq(node) ? node.items[Number(step)] : pair?.value;
    if (what === "key" && pair !== undefined && index === steps.length - 1) return pair.key;
    if (next === undefined || next === null) return node;
    node = next;
  }
  return node;
}

function adviceFor(key: string, prefix: string): string {
  const written = key.slice(prefix.length);
  const siblings = SETTING_KEYS.filter((known) => known.startsWith(prefix)).map((known) => partAfter(known, prefix));
  const near = nearest(written, siblings);
  if (near !== undefined) return `Did you mean '${near}'?`;
  const elsewhere = nearest(key, SETTING_KEYS);
  if (elsewhere !== undefined) return `Did you mean '${elsewhere}'?`;
  return `${prefix === "" ? "The settings" : `Inside '${prefix.slice(0, -1)}'`} there are: ${[...new Set(siblings)].join(", ")}.`;
}

/** `a.b.c` as `a: {b: {c: …}}`. */
function nestingAdvice(key: string): string {
  const parts = key.split(".");
  const nested = `${parts.join(": {")}: …${"}".repeat(parts.length - 1)}`;
  return `Each dot is a level of the file: ${nested}`;
}

function partAfter(key: string, prefix: string): string {
  return key.slice(prefix.length).split(".")[0] ?? key;
}

function exampleOf(prefix: string): string {
  const inside = SETTING_KEYS.find((known) => known.startsWith(prefix)) ?? "listen";
  return `Write for example '${partAfter(inside, prefix)}: …' on a line of its own${prefix === "" ? "" : ", further to the right"}.`;
}
