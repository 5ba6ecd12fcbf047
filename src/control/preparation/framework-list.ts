import type { Environment } from "../../environments/environment.ts";

/** A framework as a manifest names it. */
export interface NamedFramework {
  readonly name: string;
  readonly version: string;
}

/** What the environments offer, by name and version; several interpreters with the same one count once. */
export function frameworksIn(environments: readonly Pick<Environment, "framework" | "version">[]): NamedFramework[] {
  const byText = new Map(environments.map(({ framework: name, version }) => [`${name} ${version}`, { name, version }]));
  return [...byText.values()].toSorted(
    (a, b) => a.name.localeCompare(b.name, "en") || a.version.localeCompare(b.version, "en", { numeric: true }),
  );
}
