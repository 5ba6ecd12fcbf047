import type { Findings } from "./findings.ts";
import { MANIFEST_LIMITS } from "./limits.ts";
import type { Place } from "./place.ts";
import { readText } from "./text-value.ts";

/** How a run is called and what is said about it, which every dialect lets people write in the same way. */
export function readNaming(
  places: { readonly name?: Place; readonly description?: Place },
  findings: Findings,
): { readonly name: string | null; readonly description: string | null } {
  return {
    name: readText(places.name, { maxLength: MANIFEST_LIMITS.nameLength }, findings),
    description: readText(
      places.description,
      { maxLength: MANIFEST_LIMITS.descriptionLength, isMultiLine: true, mayBeBlank: true },
      findings,
    ),
  };
}
