import { isSeq } from "yaml";

import type { FrameworkRequest } from "../domain/training-spec.ts";
import type { Dialect, Places } from "./field-table.ts";
import type { Findings } from "./findings.ts";
import { MANIFEST_LIMITS } from "./limits.ts";
import { placeAt } from "./place.ts";
import type { Place } from "./place.ts";
import { isPlaceholder } from "./placeholder.ts";
import { readMap } from "./read-map.ts";
import { readText } from "./text-value.ts";
import { RUNTIME } from "./wml-fields.ts";

/** Name, version and, where the dialect has a place for it, the Python of a framework; null when it was reported. */
export function readFramework(
  places: Places<"name" | "version" | "runtimes" | "requirements"> | null,
  dialect: Dialect,
  findings: Findings,
): FrameworkRequest | null {
  const name = readFrameworkText(places?.name, findings);
  const version = readFrameworkText(places?.version, findings);
  const runtime = places?.runtimes === undefined ? null : readPython(places.runtimes, dialect, findings);
  const requirements = readRequirements(places?.requirements, findings);
  if (name === null || version === null) return null;
  if (runtime !== null && contradicts(version, runtime.python)) {
    const message = `'${runtime.place.path}' asks for Python ${runtime.python}, and the framework's version is '${version}'.`;
    findings.problem("value_invalid", runtime.place, message, "Make the two say the same Python, or remove one.");
    return null;
  }
  return { name, version, python: runtime?.python ?? null, requirements };
}

/** A path that stays inside of the model definition wherever that is unpacked. */
function readRequirements(place: Place | undefined, findings: Findings): string | null {
  const text = readText(place, { maxLength: MANIFEST_LIMITS.pathLength }, findings);
  if (place === undefined || text === null) return null;
  const path = text.replace(/^(?:\.\/)+/, "");
  const isInside = !path.includes("\\") && path.split("/").every((part) => !["", ".", ".."].includes(part));
  if (isInside) return path;
  const message = `'${place.path}' is '${text}', which is no path inside of the model definition.`;
  findings.problem("value_invalid", place, message, "Write it from the ZIP's top, like 'requirements.txt'.");
  return null;
}

function readFrameworkText(place: Place | undefined, findings: Findings): string | null {
  const text = readText(place, { maxLength: MANIFEST_LIMITS.frameworkLength }, findings);
  if (place === undefined || text === null || findings.forConversion || !isPlaceholder(text)) return text;
  const message = `'${place.path}' is still the placeholder '${text}'.`;
  findings.problem("value_not_filled_in", place, message, "Write a framework that 'trainyard doctor' lists.");
  return null;
}

interface Python {
  readonly python: string;
  readonly place: Place;
}

/** A list in February 2018, a map from March on. */
function readPython(place: Place, dialect: Dialect, findings: Findings): Python | null {
  const only = isSeq(place.node) ? onlyRuntime(place, findings) : place;
  const places = only === null ? null : readMap(only, RUNTIME, dialect, findings);
  const name = readText(places?.name, { maxLength: MANIFEST_LIMITS.frameworkLength }, findings);
  const version = readText(places?.version, { maxLength: MANIFEST_LIMITS.frameworkLength }, findings)?.trim() ?? null;
  if (places?.name === undefined || places.version === undefined || name === null || version === null) return null;
  if (name.trim().toLowerCase() !== "python") {
    const message = `'${places.name.path}' is '${name}', and the only runtime there was is 'python'.`;
    findings.problem("value_invalid", places.name, message, "Write 'python', or remove 'runtimes'.");
    return null;
  }
  if (/^[23](?:\.\d{1,3}){0,2}$/.test(version)) return { python: version, place: places.version };
  const message = `'${places.version.path}' is '${version}', which is no version of Python.`;
  findings.problem("value_invalid", places.version, message, "Write a version such as '3' or '3.5'.");
  return null;
}

function onlyRuntime(place: Place, findings: Findings): Place | null {
  const items = isSeq(place.node) ? place.node.items : [];
  const [only, ...more] = items;
  if (only === undefined) return null;
  if (more.length === 0) return placeAt(only, `${place.path}[0]`, place.keyOffset);
  const message = `'${place.path}' lists ${items.length} runtimes, and a run has one Python.`;
  findings.problem("value_invalid", place, message, "List exactly one runtime.");
  return null;
}

/** `1.2-py2` beside Python 3: whichever was taken, the other's author would be surprised. */
function contradicts(version: string, python: string): boolean {
  const [, major] = /-py([23])(?:\.\d+)?$/i.exec(version.trim()) ?? [];
  return major !== undefined && major !== python[0];
}
