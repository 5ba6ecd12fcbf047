import { isMap, isScalar } from "yaml";

import { nearest } from "../base/nearest.ts";
import { STORE_TYPES } from "./connection-fields.ts";
import type { StoreType } from "./connection-fields.ts";
import type { Findings } from "./findings.ts";
import { placeAt } from "./place.ts";
import type { Place } from "./place.ts";
import { profileOf, refuseProfile } from "./profile-name.ts";
import { readText } from "./text-value.ts";

/** What FfDL wrote inside the connection of a `mount_volume`. */
const HOST_MOUNT = "host_mount";

/**
 * The type of the store that a reference names. It stood beside the bucket in 2017, beside the connection in 2018,
 * and FfDL's early manifests repeat it inside the connection. Null when something was reported.
 */
export function readStoreType(
  reference: Place,
  connection: Place | undefined,
  written: readonly (Place | undefined)[],
  findings: Findings,
): StoreType | null {
  const profile = profileOf(connection);
  if (profile !== undefined) return refuseProfile(profile, findings);
  const inside = typeInside(connection);
  const places = [...written, inside].filter((place) => place !== undefined);
  const types = places.map((place) => ({ place, type: typeAt(place, place === inside, findings) }));
  const [first] = types;
  if (types.some(({ type }) => type === null)) return null;
  const other = types.find(({ type }) => type !== first?.type);
  if (first !== undefined && other !== undefined) {
    const message = `'${first.place.path}' and '${other.place.path}' name different data stores.`;
    findings.problem("field_duplicated", other.place, message, "Keep the one that is right.");
    return null;
  }
  if (first !== undefined) return first.type;
  if (connection === undefined || hasOnlyRoot(connection)) return "directory";
  findings.problem(
    "field_missing",
    { offset: reference.keyOffset, path: `${reference.path}.type` },
    `'${reference.path}' has a connection and no 'type'.`,
    `Add 'type': ${Object.keys(STORE_TYPES).join(", ")}.`,
  );
  return null;
}

/** Null when it was reported. */
function typeAt(place: Place, isInside: boolean, findings: Findings): StoreType | null {
  const text = readText(place, { maxLength: 100 }, findings);
  if (text === null) return null;
  if (isInside && text === HOST_MOUNT) return "directory";
  const type = Object.hasOwn(STORE_TYPES, text) ? STORE_TYPES[text] : undefined;
  if (type !== undefined) return type;
  const meant = nearest(text, Object.keys(STORE_TYPES));
  const hint =
    meant === undefined ? `Write one of ${Object.keys(STORE_TYPES).join(", ")}.` : `Did you mean '${meant}'?`;
  findings.problem("value_invalid", place, `'${place.path}' is '${text}', which is no type of data store.`, hint);
  return null;
}

function typeInside(connection: Place | undefined): Place | undefined {
  if (connection === undefined || !isMap(connection.node)) return undefined;
  const pair = connection.node.items.find(({ key }) => isScalar(key) && key.value === "type");
  if (pair === undefined || pair.value === null) return undefined;
  return placeAt(pair.value, `${connection.path}.type`, pair.key.range[0]);
}

function hasOnlyRoot({ node }: Place): boolean {
  return isMap(node) && node.items.every(({ key }) => isScalar(key) && (key.value === "root" || key.value === "path"));
}
