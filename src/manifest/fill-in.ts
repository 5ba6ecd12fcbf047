import { isMap, isScalar, isSeq } from "yaml";
import type { ParsedNode, YAMLMap } from "yaml";

import { CONNECTION_TABLES, STORE_TYPES } from "./connection-fields.ts";
import { canonicalName } from "./field-table.ts";
import { Findings } from "./findings.ts";
import { parseDocument, pathOf } from "./parse-document.ts";
import { isNothing, placeAt, textAt } from "./place.ts";
import type { Place } from "./place.ts";
import type { Problem } from "./problem.ts";
import { profileOf } from "./profile-name.ts";
import { readSourceText } from "./source-text.ts";

/** The side that a manifest comes from: only its environment and its profiles fill in anything. */
export interface Submitter {
  /** The value of a variable; undefined when it is not set. */
  variable(name: string): string | undefined;
  /** The keys of a credential profile, `type` among them, in the spelling of a connection. */
  profile(name: string): Readonly<Record<string, string>> | undefined;
}

export interface FilledManifest {
  /** The very source where there was nothing to fill in; else text, every line of it where it was. */
  readonly source: Uint8Array | string;
  /** What could not be filled in, with its place; it stands in the source as it was. */
  readonly problems: readonly Problem[];
}

/** A piece of the text and what takes its place. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** An address may hold a variable among other text; a secret that does is a secret with a `$` in it. */
const ADDRESSES = new Set(["endpoint_url", "endpoint", "auth_url"]);

/**
 * Fills in the variables and credential profiles of a manifest's connections, for the side that submits it. Nothing
 * else is touched, least of all the command, whose `${DATA_DIR}` is the shell's. Values are written with JSON's
 * quotes and escapes, which YAML reads alike, so that no value can become anything but a value. Never throws; a
 * source that is no readable document comes back as it is.
 */
export function fillInVariables(source: Uint8Array | string, file: string, submitter: Submitter): FilledManifest {
  const syntax = new Findings();
  const text = readSourceText(source, syntax);
  const document = syntax.hasProblems ? null : parseDocument(text, syntax);
  if (document === null || syntax.hasProblems) return { source, problems: [] };
  const findings = new Findings();
  const edits = connectionsIn(document, "").flatMap((connection) => editsFor(connection, submitter, findings));
  return {
    source: edits.length === 0 ? source : applyEdits(text, edits),
    problems: findings.problemsIn(text, file),
  };
}

/** Every value of a key `connection`, wherever it stands. */
function connectionsIn(node: ParsedNode, path: string): Place[] {
  if (isSeq(node)) return node.items.flatMap((item, i) => connectionsIn(item, `${path}[${i}]`));
  if (!isMap(node)) return [];
  return node.items.flatMap(({ key, value }) => {
    if (value === null || !isScalar(key) || typeof key.value !== "string") return [];
    const inner = pathOf(path, key.value);
    return key.value === "connection" ? [placeAt(value, inner, key.range[0])] : connectionsIn(value, inner);
  });
}

function editsFor(connection: Place, submitter: Submitter, findings: Findings): Edit[] {
  if (!isMap(connection.node)) return [];
  const values = valuesOf(connection.path, connection.node);
  const filled = values.map(({ key, place }) => ({ key, place, text: fillIn(key, place, submitter, findings) }));
  const profile = profileOf(connection);
  if (profile !== undefined) return editForProfile(connection, profile, filled, submitter, findings);
  return filled.flatMap(({ place, text }) => {
    if (text === null || text === textAt(place)) return [];
    return [{ start: place.node.range[0], end: place.node.range[1], text: quoted(text) }];
  });
}

interface ConnectionValue {
  readonly key: string;
  readonly place: Place;
}

function valuesOf(path: string, map: YAMLMap<ParsedNode, ParsedNode | null>): ConnectionValue[] {
  return map.items.flatMap(({ key, value }) => {
    if (value === null || !isScalar(key) || typeof key.value !== "string") return [];
    return [{ key: key.value, place: placeAt(value, pathOf(path, key.value), key.range[0]) }];
  });
}

/** The value with its variables filled in; null when it is no text or one is not set, which is reported. */
function fillIn(key: string, place: Place, submitter: Submitter, findings: Findings): string | null {
  const text = textAt(place);
  if (text === null) return null;
  const isWhole = /^\s*\$\{[A-Za-z_][A-Za-z0-9_]*\}\s*$/.test(text);
  if (!isWhole && !ADDRESSES.has(key)) return text;
  const missing = [...text.matchAll(VARIABLE)].map(([, name = ""]) => name).filter((name) => !submitter.variable(name));
  if (missing[0] !== undefined) {
    const message = `'${place.path}' asks for the variable '${missing[0]}', which is not set here.`;
    const hint = `Set it: export ${missing[0]}=…; or keep the keys in a profile: trainyard credentials add NAME.`;
    findings.problem("credential_not_filled_in", place, message, hint);
    return null;
  }
  return (isWhole ? text.trim() : text).replace(VARIABLE, (_, name: string) => submitter.variable(name) ?? "");
}

/** The connection as one flow map: what is written beside the profile's name, then what the profile adds. */
function editForProfile(
  connection: Place,
  profile: Place,
  written: readonly (ConnectionValue & { readonly text: string | null })[],
  submitter: Submitter,
  findings: Findings,
): Edit[] {
  const name = textAt(profile) ?? "";
  const keys = submitter.profile(name);
  if (keys === undefined) {
    const shown = /^[\w.-]{1,64}$/.test(name) ? name : "NAME";
    const message = `'${profile.path}' names a credential profile that is not kept here.`;
    const hint = `Add it: trainyard credentials add ${shown}. 'trainyard credentials list' shows those there are.`;
    findings.problem("credential_not_filled_in", profile, message, hint);
    return [];
  }
  const beside = written.filter(({ key, place }) => key !== "profile" && !isNothing(place.node));
  // What cannot be filled in, or is no text, stays where it is, to be told as it is.
  if (beside.some(({ text }) => text === null)) return [];
  const type = STORE_TYPES[keys["type"] ?? ""] ?? "s3";
  const fieldOf = (key: string): string => canonicalName(key, CONNECTION_TABLES[type]) ?? key;
  const taken = new Set(beside.map(({ key }) => fieldOf(key)));
  const added = Object.entries(keys).filter(([key]) => !taken.has(fieldOf(key)));
  const pairs = [...beside.map(({ key, text }) => [key, text ?? ""] as const), ...added];
  const flow = `{${pairs.map(([key, value]) => `${quoted(key)}: ${quoted(value)}`).join(", ")}}`;
  return [{ start: connection.node.range[0], end: connection.node.range[1], text: flow }];
}

/** A text in JSON's notation, in ASCII only: what JSON leaves bare, YAML need not allow. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Each edit keeps as many line ends as it takes away, so that what is told of the text later has the user's lines. */
function applyEdits(text: string, edits: readonly Edit[]): string {
  const parts: string[] = [];
  let offset = 0;
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    const lineEnds = text.slice(edit.start, edit.end).replace(/[^\n]/g, "");
    parts.push(text.slice(offset, edit.start), edit.text, lineEnds);
    offset = edit.end;
  }
  parts.push(text.slice(offset));
  return parts.join("");
}
