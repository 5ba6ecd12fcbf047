import type { Credentials, TrainingSpec } from "../domain/training-spec.ts";
import { EMPTY, otherKindOf } from "./document-kind.ts";
import type { OtherKind } from "./document-kind.ts";
import { spellingsOf } from "./field-table.ts";
import { Findings } from "./findings.ts";
import { parseDocument } from "./parse-document.ts";
import { rootPlace } from "./place.ts";
import type { Problem } from "./problem.ts";
import { readSourceText } from "./source-text.ts";
import { MANIFEST } from "./wml-fields.ts";
import { readWml } from "./wml.ts";
import type { WmlReading } from "./wml.ts";

export interface ManifestReading {
  /** Null when there is any problem. */
  readonly spec: TrainingSpec | null;
  /** The secrets of the manifest's connections; null when there is any problem. */
  readonly credentials: Credentials | null;
  /** All of them, in the order of the document, none with the value of a credential. */
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/**
 * Reads a manifest, YAML or JSON whatever its name says. Never throws: what is wrong is in `problems`. The cost is
 * bounded by `MANIFEST_LIMITS`. `file` is the name that problems carry.
 *
 *     bytes -> text -> nodes -> kind of document -> the dialect's reader -> spec and credentials
 */
export function readManifest(source: Uint8Array | string, file: string): ManifestReading {
  const findings = new Findings();
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

function readText(text: string, findings: Findings): WmlReading | null {
  const document = parseDocument(text, findings);
  const hasSyntaxProblems = document === null && findings.hasProblems;
  if (hasSyntaxProblems) return null;
  if (document === null) return refuseKind(EMPTY, 0, findings);
  const other = otherKindOf(document, spellingsOf(MANIFEST));
  if (other !== null) return refuseKind(other, document.range[0], findings);
  return readWml(rootPlace(document), findings);
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
