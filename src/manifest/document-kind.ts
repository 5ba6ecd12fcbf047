import { isMap, isScalar, isSeq } from "yaml";
import type { ParsedNode } from "yaml";

import { nearest } from "../base/nearest.ts";

/** A document that is not the manifest of a training run: what it is, and what to do with it. */
export interface OtherKind {
  readonly is: string;
  readonly hint: string;
}

const SUBMIT = "'train' and 'submit' take the manifest of a run, which begins with 'model_definition'.";

/** Other documents of the time, by a key that only they have at the top; the first that fits tells. */
const OTHER_KINDS: readonly (OtherKind & { readonly keys: readonly string[] })[] = [
  {
    keys: ["data_stores"],
    is: "an FfDL v1 manifest",
    hint: "FfDL took it; it is not yet read by this version, so write it with 'model_definition' for now.",
  },
  {
    keys: ["training_references", "settings"],
    is: "an experiment",
    hint: `'bx ml store experiments' took it; this version does not yet. ${SUBMIT}`,
  },
  {
    keys: ["framework"],
    is: "a training definition",
    hint: `'bx ml store training-definitions' took it; this version does not yet. ${SUBMIT}`,
  },
  {
    keys: ["hyper_parameters_optimization"],
    is: "the search part of an experiment",
    hint: `It belongs under 'training_references' of an experiment. ${SUBMIT}`,
  },
  { keys: ["applications"], is: "a Cloud Foundry application manifest", hint: `'cf push' takes it. ${SUBMIT}` },
  { keys: ["apiVersion"], is: "a Kubernetes object", hint: `'kubectl apply' takes it. ${SUBMIT}` },
];

/** Null when the document is, or was meant to be, the manifest of a run. */
export function otherKindOf(document: ParsedNode, ownKeys: readonly string[]): OtherKind | null {
  if (isSeq(document)) return { is: "a list", hint: `A manifest is a map. ${SUBMIT}` };
  if (!isMap(document)) return { is: "one value", hint: `A manifest is a map. ${SUBMIT}` };
  const keys = document.items.flatMap(({ key }) => (isScalar(key) && typeof key.value === "string" ? [key.value] : []));
  if (keys.includes("model_definition")) return null;
  const other = OTHER_KINDS.find((kind) => kind.keys.some((key) => keys.includes(key)));
  if (other !== undefined) return other;
  // A misspelled key is better told as such, with its line.
  if (keys.slice(0, 100).some((key) => nearest(key, ownKeys) !== undefined)) return null;
  return { is: "a map without 'model_definition'", hint: SUBMIT };
}

export const EMPTY: OtherKind = { is: "empty", hint: SUBMIT };
