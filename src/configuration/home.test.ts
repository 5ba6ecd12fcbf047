import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findConfigurationFile } from "./home.ts";

test("the configuration file is the named one, else the home's where there is one", async () => {
  const home = await mkdtemp(join(tmpdir(), "trainyard-home-"));
  try {
    expect(findConfigurationFile(home, undefined, {})).toBe(null);
    await writeFile(join(home, "trainyard.yaml"), "");
    expect(findConfigurationFile(home, undefined, {})).toBe(join(home, "trainyard.yaml"));
    expect(findConfigurationFile(home, undefined, { TRAINYARD_CONFIG: "/etc/missing.yaml" })).toBe("/etc/missing.yaml");
    expect(findConfigurationFile(home, "/etc/other.yaml", { TRAINYARD_CONFIG: "/etc/missing.yaml" })).toBe(
      "/etc/other.yaml",
    );
  } finally {
    await rm(home, { recursive: true });
  }
});
