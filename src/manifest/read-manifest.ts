import type { ParsedNode } from "yaml";

import type { Credentials, TrainingSpec } from "../domain/training-spec.ts";
import type { DialectReading } from "./dialect-reading.ts";
import { EMPTY, kindOf } from "./document-kind.ts";
import type { OtherKind } from "./document-kind.ts";
import { readFfdl } from "./ffdl.ts";
import { Findings } from "./findings.ts";
import { parseDocument } from "./parse-document.ts";
import { rootPlace } from "./place.ts";
import type { Problem } from "./problem.ts";
import { warnQuotedKeys } from "./quoted-keys.ts";
import { readSourceText } from "./source-text.ts";
import { readWml } from "./wml.ts";

export interface ManifestReading {
  /** Null when there is any problem. */
  readonly spec: TrainingSpec | null;
  /** The secrets of the manifest's connections; null when there is any problem. */
  readonly credentials: Credentials | null;
  /** All of them, in the order of the document, none with the value of a credential. */
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

export interface ReadOptions {
  /** The manifest is converted and not run: placeholders pass, and what a spec does not keep is warned of. */
  readonly forConversion?: boolean;
}

const READERS = { wml: readWml, ffdl: readFfdl };

/**
 * Reads a manifest, YAML or JSON whatever its name says. Never throws: what is wrong is in `problems`. The cost is
 * bounded by `MANIFEST_LIMITS`. `file` is the name that problems carry.
 *
 *     bytes -> text -> nodes -> kind of document -> the dialect's reader -> spec and credentials
 *
 * A `${VARIABLE}` in a connection is not filled in here but where the manifest comes from (`fillInVariables`).
 */
export function readManifest(source: Uint8Array | string, file: string, options: ReadOptions = {}): ManifestReading {
  const findings = new Findings(options);
  const text = readSourceText(source, findings);
  const reading = findings.hasProblems ? null : readText(text, findings);
  const problems = findings.problemsIn(text, file);
  return {
    spec: problems.length === 0 ? (reading?.spec ?? null) : null,
    credentials: problems.length === 0 ? (reading?.credentials ?? null) : null,
    problems,
    warnings: findings.warningsIn(text, file),
  };
}

function readText(text: string, findings: Findings): DialectReading | null {
  const document = parseDocument(text, findings);
  const hasSyntaxProblems = document === null && findings.hasProblems;
  if (hasSyntaxProblems) return null;
  if (document === null) return refuseKind(EMPTY, 0, findings);
  const kind = kindOf(document);
  if (kind.kind === "other") return refuseDocument(document, kind, findings);
  return READERS[kind.kind](rootPlace(document), findings);
}

function refuseDocument(document: ParsedNode, kind: OtherKind, findings: Findings): null {
  warnQuotedKeys(document, "", findings);
  return refuseKind(kind, document.range[0], findings);
}

function refuseKind({ is, hint }: OtherKind, offset: number, findings: Findings): null {
  findings.problem(
    "manifest_kind",
    { offset, path: "" },
    `This is not the manifest of a training run: it is ${is}.`,
    hint,
  );
  return null;
}
