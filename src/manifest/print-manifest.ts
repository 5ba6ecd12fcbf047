import { stringify } from "yaml";

import type { Credentials, TrainingSpec } from "../domain/training-spec.ts";
import type { ConversionNote, Note, PrintedDialect } from "./conversion.ts";
import { ffdlManifest } from "./print-ffdl.ts";
import { trainyardManifest, wmlManifest } from "./print-wml.ts";

export interface PrintedManifest {
  /** It holds the secrets, so it is for the user's eyes only. */
  readonly text: string;
  /** What reading the text gives otherwise than the spec had it; never anything for `trainyard`. */
  readonly notes: readonly ConversionNote[];
}

const BUILDERS = { wml: wmlManifest, ffdl: ffdlManifest, trainyard: trainyardManifest };

/**
 * The manifest for this spec in a dialect, in canonical spelling. Reading it gives the credentials back, and the spec
 * but for what the notes say.
 */
export function printManifest(spec: TrainingSpec, credentials: Credentials, dialect: PrintedDialect): PrintedManifest {
  const notes: ConversionNote[] = [];
  const note: Note = (field, message) => notes.push({ field, message });
  const manifest = BUILDERS[dialect](spec, credentials, note);
  // Block notation would end every text in a line end of its own.
  const options = { version: "1.2", blockQuote: false, lineWidth: 0, aliasDuplicateObjects: false } as const;
  return { text: stringify(manifest, options), notes };
}
