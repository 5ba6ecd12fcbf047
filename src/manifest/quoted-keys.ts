import { isMap, isScalar, isSeq } from "yaml";
import type { ParsedNode } from "yaml";

import type { Findings } from "./findings.ts";
import { pathOf } from "./parse-document.ts";

/**
 * Warns of keys that end in a stray quote, in documents that are not read here: IBM's own page on searches has
 * `step": 0.001`, and whoever reads over the `step"` searches another space than was meant.
 */
export function warnQuotedKeys(node: ParsedNode, path: string, findings: Findings): void {
  if (isSeq(node)) for (const [i, item] of node.items.entries()) warnQuotedKeys(item, `${path}[${i}]`, findings);
  if (!isMap(node)) return;
  for (const { key, value } of node.items) {
    if (!isScalar(key) || typeof key.value !== "string") continue;
    const inner = pathOf(path, key.value);
    const [, name] = /^(\w+)["']$/.exec(key.value) ?? [];
    if (name !== undefined) {
      findings.warning(
        "key_quoted",
        { offset: key.range[0], path: inner },
        `'${inner}' ends in a stray quote.`,
        `Write '${name}'.`,
      );
    }
    if (value !== null) warnQuotedKeys(value, inner, findings);
  }
}
