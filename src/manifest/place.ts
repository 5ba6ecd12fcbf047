import { isMap, isScalar, isSeq } from "yaml";
import type { ParsedNode } from "yaml";

import type { Spot } from "./findings.ts";

/** A value in the document together with the way that leads to it. As a spot it is where the value begins. */
export interface Place extends Spot {
  readonly node: ParsedNode;
  /** Where the key of this value begins; what is missing inside the value is reported there. */
  readonly keyOffset: number;
}

export function rootPlace(node: ParsedNode): Place {
  return { node, path: "", offset: node.range[0], keyOffset: node.range[0] };
}

export function placeAt(node: ParsedNode, path: string, keyOffset: number): Place {
  // An empty value has no characters of its own; its key is what a person looks for.
  return { node, path, keyOffset, offset: isNothing(node) ? keyOffset : node.range[0] };
}

/** An empty plain scalar or one of YAML's words for null. A quoted `''` is text, and so is a quoted `null`. */
export function isNothing(node: ParsedNode): boolean {
  return isScalar(node) && node.type === "PLAIN" && /^(?:|~|null|Null|NULL)$/.test(node.source ?? "");
}

/**
 * The text of a scalar: for plain scalars exactly the source, so `1.10` keeps its zero. A block scalar loses the
 * line ends that its notation adds. Null for what is not a scalar.
 */
export function textAt(place: Place): string | null {
  const { node } = place;
  if (!isScalar(node) || typeof node.value !== "string") return null;
  const isBlock = node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED";
  return isBlock ? node.value.replace(/\n+$/, "") : node.value;
}

/** What stands at a place, in words for a message that must not show the value itself. */
export function kindAt(place: Place): string {
  const { node } = place;
  if (isMap(node)) return "a map";
  if (isSeq(node)) return "a list";
  return isNothing(node) ? "empty" : "text";
}
