import { isMap, isScalar } from "yaml";
import type { ParsedNode, YAMLMap } from "yaml";

import { Findings } from "./findings.ts";
import { parseDocument } from "./parse-document.ts";
import { readSourceText } from "./source-text.ts";

/** What whoever submits says instead of the manifest. */
export interface Amendment {
  readonly time_limit?: string | undefined;
  readonly retries?: string | undefined;
}

/**
 * The manifest with these values, in the place where its family has them: under `execution`, in FfDL's at the top. The
 * rest of the text stays as it is. For manifests that were read without a problem; any other comes back unchanged.
 */
export function amendManifest(source: Uint8Array | string, amendment: Amendment): Uint8Array | string {
  const syntax = new Findings();
  const text = readSourceText(source, syntax);
  const document = syntax.hasProblems ? null : parseDocument(text, syntax);
  const map = document === null || syntax.hasProblems ? null : placeOfWishes(document);
  if (map === null) return source;
  return Object.entries(amendment)
    .flatMap(([key, value]) => (value === undefined ? [] : [editFor(text, map, key, String(value))]))
    .toSorted((a, b) => b.start - a.start)
    .reduce((amended, { start, end, put }) => amended.slice(0, start) + put + amended.slice(end), text);
}

function placeOfWishes(node: ParsedNode): YAMLMap | null {
  if (!isMap(node)) return null;
  const execution = node.getIn(["model_definition", "execution"]);
  if (isMap(execution)) return execution;
  return node.has("data_stores") ? node : null;
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly put: string;
}

/** A value that is there is replaced; else the pair is put before the first one, in the notation of the map. */
function editFor(text: string, map: YAMLMap, key: string, value: string): Edit {
  const quoted = JSON.stringify(value);
  const present = map.items.find((pair) => isScalar(pair.key) && pair.key.value === key);
  if (present !== undefined && isScalar(present.value) && present.value.range) {
    const [start, end] = present.value.range;
    return { start, end, put: start === end ? ` ${quoted}` : quoted };
  }
  const first = map.items[0]?.key;
  const start = isScalar(first) && first.range ? first.range[0] : (map.range?.[0] ?? 0);
  const pair = `${JSON.stringify(key)}: ${quoted}`;
  const indent = " ".repeat(start - (text.lastIndexOf("\n", start - 1) + 1));
  return { start, end: start, put: map.flow === true ? `${pair}, ` : `${pair}\n${indent}` };
}
