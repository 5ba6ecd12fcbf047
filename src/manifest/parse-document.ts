import { Composer, CST, Lexer, Parser, isMap, isScalar, isSeq } from "yaml";
import type { ParsedNode } from "yaml";

import type { Findings } from "./findings.ts";
import { MANIFEST_LIMITS } from "./limits.ts";
import { SYNTAX_ADVICE, syntaxAdvice } from "./syntax-advice.ts";

/** Scalars stay text: the reader decides by field what a text means, so `1.10`, `no` and `0123` survive. */
const COMPOSE_OPTIONS = { schema: "failsafe", version: "1.2", uniqueKeys: false, logLevel: "silent" } as const;

const HARMLESS_TAGS = new Set(["!", "!!str", "!!map", "!!seq"]);

const SCALARS = new Set(["scalar", "single-quoted-scalar", "double-quoted-scalar", "comment"]);

/**
 * The one document in `text`, or null with the reasons in `findings`; null without a reason is an empty file.
 *
 *     text --lexer--> lexemes --(limits)--> parser --> tokens --> composer --> nodes
 *
 * The limits stand at the narrow place: no token is made of what follows the first lexeme that passes one, and
 * composing (which recurses) begins only after the last lexeme has passed.
 */
export function parseDocument(text: string, findings: Findings): ParsedNode | null {
  const tokens = readTokens(text, findings);
  if (findings.hasProblems) return null;
  const documents = [...new Composer(COMPOSE_OPTIONS).compose(tokens, true, text.length)];
  reportSyntax(
    documents.flatMap((document) => document.errors),
    findings,
  );
  const [first, ...others] = documents.map((document) => document.contents);
  const second = others.find((contents) => contents != null && !isBlank(contents)) ?? others[1];
  if (second != null) {
    const { message, hint } = SYNTAX_ADVICE.MULTIPLE_DOCS;
    findings.problem("manifest_syntax", { offset: second.range[0], path: "" }, message, hint);
  }
  if (findings.hasProblems || first == null || isBlank(first)) return null;
  checkKeys(first, "", text, findings);
  return first;
}

/** The path of `key` inside `path`, as it is shown to people. */
export function pathOf(path: string, key: string): string {
  return path === "" ? shownKey(key) : `${path}.${shownKey(key)}`;
}

/**
 * A key as messages show it: cut where `key:value` or `key=value` without the blank has swallowed a value, which
 * may be a password.
 */
export function shownKey(key: string): string {
  const name = /^[^\s:=]{0,40}/.exec(key)?.[0] ?? "";
  return name.length === key.length ? key : `${name}…`;
}

function readTokens(text: string, findings: Findings): CST.Token[] {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  let count = 0;
  let errors = 0;
  let documents = 0;
  let isScalarNext = false;
  for (const lexeme of new Lexer().lex(text)) {
    count += 1;
    const type: string | null = isScalarNext ? "scalar" : CST.tokenType(lexeme);
    // The lexer announces a plain or block scalar with a mark of its own, then gives its text.
    const isMark: boolean = type === "scalar" && !isScalarNext;
    isScalarNext = isMark;
    const { offset } = parser;
    for (const token of parser.next(lexeme)) {
      tokens.push(token);
      if (token.type === "error") errors += 1;
      if (token.type === "document") documents += 1;
    }
    const refusal = isMark ? null : (refuseLexeme(lexeme, type) ?? refuseSum(count, depthOf(parser)));
    if (refusal !== null) {
      findings.problem(refusal.code, { offset, path: "" }, refusal.message, refusal.hint);
      return [];
    }
    // A third document or one more error changes nothing for the file as a whole, and each costs time.
    if (errors > MANIFEST_LIMITS.syntaxErrors || documents > 2) break;
  }
  for (const token of parser.end()) tokens.push(token);
  return tokens;
}

interface Refusal {
  readonly code: "manifest_too_large" | "manifest_syntax";
  readonly message: string;
  readonly hint: string;
}

/** How many maps and lists are open. At the bottom of the stack is the document, on top may be a scalar. */
function depthOf({ stack }: Parser): number {
  const top = stack.at(-1);
  return stack.length - (top !== undefined && CST.isCollection(top) ? 1 : 2);
}

function refuseSum(count: number, depth: number): Refusal | null {
  if (count > MANIFEST_LIMITS.lexemes) {
    return tooLarge(
      "The manifest has far more keys and values than a manifest needs.",
      "Remove what is not part of it.",
    );
  }
  if (depth > MANIFEST_LIMITS.depth) {
    const message = `Maps and lists are nested deeper than ${MANIFEST_LIMITS.depth} levels.`;
    return tooLarge(message, "A manifest needs fewer than ten levels.");
  }
  return null;
}

function refuseLexeme(lexeme: string, type: string | null): Refusal | null {
  const { scalarLength } = MANIFEST_LIMITS;
  if (type !== null && SCALARS.has(type) && lexeme.length > scalarLength) {
    return tooLarge(`A value is longer than ${scalarLength} characters.`, "Move long text into the model definition.");
  }
  if (type === "alias" || type === "anchor") {
    return notUsed("An anchor (&) or alias (*)", "Write the value out; quote a value that begins with & or *.");
  }
  if (type === "tag" && !HARMLESS_TAGS.has(lexeme)) {
    return notUsed("A tag (!)", "Remove it; quote a value that begins with an exclamation mark.");
  }
  if (type === "directive-line" && !lexeme.startsWith("%YAML ")) {
    return notUsed("A directive (%)", "Remove the line; quote a value that begins with %.");
  }
  return null;
}

function tooLarge(message: string, hint: string): Refusal {
  return { code: "manifest_too_large", message, hint };
}

function notUsed(what: string, hint: string): Refusal {
  return { code: "manifest_syntax", message: `${what} stands here, and manifests do not use them.`, hint };
}

/** One mistake often makes the parser complain several times on its way; the first complaint on an offset tells it. */
function reportSyntax(
  errors: readonly { code: keyof typeof SYNTAX_ADVICE; message: string; pos: [number, number] }[],
  findings: Findings,
) {
  const told = new Set<number>();
  for (const error of errors) {
    const { pos } = error;
    if (told.has(pos[0])) continue;
    told.add(pos[0]);
    const { message, hint } = syntaxAdvice(error);
    findings.problem("manifest_syntax", { offset: pos[0], path: "" }, message, hint);
  }
}

function isBlank(node: ParsedNode): boolean {
  return isScalar(node) && node.type === "PLAIN" && node.source === "";
}

/** Reports keys that are no text and keys that stand twice, everywhere in the document, known or not. */
function checkKeys(node: ParsedNode, path: string, text: string, findings: Findings): void {
  if (isSeq(node)) {
    for (const [i, child] of node.items.entries()) checkKeys(child, `${path}[${i}]`, text, findings);
    return;
  }
  if (!isMap(node)) return;
  const offsets = new Map<string, number>();
  for (const { key, value } of node.items) {
    const offset = key.range[0];
    if (!isScalar(key) || typeof key.value !== "string") {
      const { message, hint } = SYNTAX_ADVICE.NON_STRING_KEY;
      findings.problem("manifest_syntax", { offset, path }, message, hint);
      continue;
    }
    const inner = pathOf(path, key.value);
    const before = offsets.get(key.value);
    if (before === undefined) offsets.set(key.value, offset);
    else {
      // Looking up the line takes time, and beyond the limit nobody will read it.
      const line = findings.isFull ? 0 : lineAt(text, before);
      const message = `'${inner}' is given here and on line ${line}.`;
      findings.problem("field_duplicated", { offset, path: inner }, message, "Keep one of the two.");
    }
    if (value !== null) checkKeys(value, inner, text, findings);
  }
}

function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let end = text.indexOf("\n"); end !== -1 && end < offset; end = text.indexOf("\n", end + 1)) line += 1;
  return line;
}
