import { existsSync, readFileSync, readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";

import { readManifest } from "./read-manifest.ts";

/** Manifests of the time as they were published; not ours to copy, so they are read only where they lie beside. */
const FOLDER = new URL("../../../shared/manifests/", import.meta.url);

/** What the name of a collected file says about what it must be told to be. */
const VERDICTS: readonly (readonly [RegExp, string])[] = [
  [/FfDL__cli-init-output/, "manifest_syntax"],
  [/new_models|sample-WML|training-runs|nheidloff/, "credential_not_filled_in"],
  [/FfDL|hpo|experiments|training_definitions/, "manifest_kind"],
  [/tf-train/, "read"],
];

describe.skipIf(!existsSync(FOLDER))("collected manifests", () => {
  test.each(existsSync(FOLDER) ? readdirSync(FOLDER) : [])("%s", (name) => {
    const { spec, problems } = readManifest(readFileSync(new URL(encodeURIComponent(name), FOLDER)), name);
    const told = spec === null ? new Set(problems.map(({ code }) => code)) : new Set(["read"]);
    expect([...told]).toEqual([VERDICTS.find(([pattern]) => pattern.test(name))?.[1]]);
  });
});
