import { isMap } from "yaml";

import type { Author } from "../domain/training-spec.ts";
import type { Findings } from "./findings.ts";
import { WML } from "./known-fields.ts";
import { MANIFEST_LIMITS } from "./limits.ts";
import type { Place } from "./place.ts";
import { readMap } from "./read-map.ts";
import { readText } from "./text-value.ts";
import { AUTHOR } from "./wml-fields.ts";

const RULE = { maxLength: MANIFEST_LIMITS.nameLength, mayBeBlank: true } as const;

/** `Ann Other`, `WML User <wmluser@ibm.com>`, or a map; null when it names nobody. */
export function readAuthor(place: Place | undefined, findings: Findings): Author | null {
  if (place === undefined) return null;
  if (!isMap(place.node)) return authorOf(readText(place, RULE, findings));
  const places = readMap(place, AUTHOR, WML, findings);
  const name = readText(places?.name, RULE, findings);
  const email = readText(places?.email, RULE, findings);
  return name === null && email === null ? null : { name, email };
}

function authorOf(text: string | null): Author | null {
  if (text === null) return null;
  const [, name = "", email] = /^([^<]*)<([^<>\s]+@[^<>\s]+)>\s*$/.exec(text) ?? [];
  if (email === undefined) return { name: text.trim(), email: null };
  return { name: name.trim() === "" ? null : name.trim(), email };
}
