import { canonicalFrameworkName, knownFramework } from "./framework-names.ts";
import type { Environment } from "./environment.ts";
import { isNamed } from "./version-match.ts";

/** The operator's word that one version answers for another: `tensorflow 1.2-py3` by TensorFlow 2.16. */
export interface ServedBy {
  readonly framework: string;
  /** What manifests ask for. */
  readonly version: string;
  readonly aliases: readonly string[];
  /** The version that really runs, found, configured or built; of `framework`, or written as `FRAMEWORK VERSION`. */
  readonly servedBy: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface Alias {
  readonly framework: string;
  readonly version: string;
  readonly env: Readonly<Record<string, string>>;
  /** What was asked for, for people. */
  readonly asked: string;
}

/** What really runs where the operator has an alias for this request. */
export function findAlias(entries: readonly ServedBy[], framework: string, version: string): Alias | undefined {
  const name = canonicalFrameworkName(framework);
  const entry = entries.find((one) => canonicalFrameworkName(one.framework) === name && isNamed(one, version));
  if (entry === undefined) return undefined;
  const [, other, otherVersion] = /^(\S+)\s+(\S+)$/.exec(entry.servedBy.trim()) ?? [];
  return {
    framework: other ?? name,
    version: otherVersion ?? entry.servedBy.trim(),
    env: entry.env,
    asked: `${knownFramework(name)?.name ?? name} ${version.trim()}`,
  };
}

/** The environment that an alias leads to, under a label that says so. */
export function servedAs(environment: Environment, alias: Alias): Environment {
  return {
    ...environment,
    label: `${environment.label}, serving ${alias.asked} by the operator's alias`,
    env: { ...environment.env, ...alias.env },
  };
}
