import { isMap, isScalar } from "yaml";

import type { Findings } from "./findings.ts";
import { placeAt } from "./place.ts";
import type { Place } from "./place.ts";

/** The place of a connection's `profile`; undefined when it has none. */
export function profileOf(connection: Place | undefined): Place | undefined {
  if (connection === undefined || !isMap(connection.node)) return undefined;
  const pair = connection.node.items.find(({ key }) => isScalar(key) && key.value === "profile");
  if (pair === undefined || pair.value === null) return undefined;
  return placeAt(pair.value, `${connection.path}.profile`, pair.key.range[0]);
}

/** Where a profile's keys have not taken its place, they never will: only the submitting side knows them. */
export function refuseProfile(profile: Place, findings: Findings): null {
  findings.problem(
    "credential_not_filled_in",
    profile,
    `'${profile.path}' names a credential profile, and its keys were not filled in; only whoever submits has them.`,
    "Submit with 'trainyard submit' or 'bx ml train', or write the connection's keys.",
  );
  return null;
}
