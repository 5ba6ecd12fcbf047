import { isMap, isScalar, isSeq } from "yaml";
import type { ParsedNode } from "yaml";

import { nearest } from "../base/nearest.ts";
import type { FieldTable } from "./field-table.ts";
import { spellingsOf } from "./field-table.ts";
import { MANIFEST as FFDL_MANIFEST } from "./ffdl-fields.ts";
import { MANIFEST as WML_MANIFEST } from "./wml-fields.ts";

/** A document that is not the manifest of a training run: what it is, and what to do with it. */
export interface OtherKind {
  readonly kind: "other";
  readonly is: string;
  readonly hint: string;
}

export type DocumentKind = { readonly kind: "wml" | "ffdl" } | OtherKind;

const SUBMIT =
  "'train' and 'submit' take the manifest of a run, which has 'model_definition' (or FfDL's 'data_stores').";

const NOT_YET = "which this version does not have yet";

/** Other documents of the time, by a key that only they have at the top; the first that fits tells. */
const OTHER_KINDS: readonly (Omit<OtherKind, "kind"> & { readonly keys: readonly string[] })[] = [
  {
    keys: ["training_references", "settings"],
    is: "an experiment",
    hint: `'bx ml store experiments' takes it, ${NOT_YET}. ${SUBMIT}`,
  },
  {
    keys: ["framework"],
    is: "a training definition",
    hint: `'bx ml store training-definitions' takes it, ${NOT_YET}. ${SUBMIT}`,
  },
  {
    keys: ["hyper_parameters_optimization"],
    is: "the search part of an experiment",
    hint: `It belongs under 'training_references' of an experiment, which 'bx ml store experiments' takes, ${NOT_YET}.`,
  },
  { keys: ["applications"], is: "a Cloud Foundry application manifest", hint: `'cf push' takes it. ${SUBMIT}` },
  { keys: ["apiVersion"], is: "a Kubernetes object", hint: `'kubectl apply' takes it. ${SUBMIT}` },
];

/** Which reader a document is for, by the keys at its top. What was meant to be a manifest counts as one. */
export function kindOf(document: ParsedNode): DocumentKind {
  if (isSeq(document)) return other("a list", `A manifest is a map. ${SUBMIT}`);
  if (!isMap(document)) return other("one value", `A manifest is a map. ${SUBMIT}`);
  const keys = document.items.flatMap(({ key }) => (isScalar(key) && typeof key.value === "string" ? [key.value] : []));
  if (keys.includes("model_definition")) return { kind: "wml" };
  if (keys.includes("data_stores")) return { kind: "ffdl" };
  const known = OTHER_KINDS.find((kind) => kind.keys.some((key) => keys.includes(key)));
  if (known !== undefined) return other(known.is, known.hint);
  // A misspelled key is better told as such, with its line.
  if (isNear(keys, WML_MANIFEST)) return { kind: "wml" };
  if (isNear(keys, FFDL_MANIFEST) && keys.some((key) => nearest(key, ["data_stores"]) !== undefined)) {
    return { kind: "ffdl" };
  }
  return other("a map without 'model_definition'", SUBMIT);
}

export const EMPTY: OtherKind = other("empty", SUBMIT);

function isNear(keys: readonly string[], table: FieldTable): boolean {
  return keys.slice(0, 100).some((key) => nearest(key, spellingsOf(table)) !== undefined);
}

function other(is: string, hint: string): OtherKind {
  return { kind: "other", is, hint };
}
