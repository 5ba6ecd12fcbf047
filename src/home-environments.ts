import { join } from "node:path";
import type { Clock } from "./base/clock.ts";
import type { Settings } from "./configuration/settings.ts";
import { createCatalogue } from "./environments/catalogue.ts";
import type { MachineCatalogue } from "./environments/catalogue.ts";
import { createEnvironments } from "./environments/create-environments.ts";
import type { Environments } from "./environments/create-environments.ts";
import { moduleOf } from "./environments/framework-names.ts";

export interface HomeEnvironments extends Environments {
  /** What is on this machine without anything built. */
  readonly machine: MachineCatalogue;
}

interface HomeFacts {
  readonly hasGpu: boolean;
  readonly clock: Clock;
  /** Whether a package index is asked what it has. */
  readonly asksIndex: boolean;
}

/** The environments of a home, as `serve` and `doctor` both see them. */
export function homeEnvironments(home: string, settings: Settings, facts: HomeFacts): HomeEnvironments {
  const { clock } = facts;
  const { environments: entries, builds } = settings;
  const machine = createCatalogue({ configured: entries.filter(({ served_by }) => served_by === null), clock });
  const environments = createEnvironments({
    machine,
    folder: join(home, "environments"),
    ...facts,
    mode: builds.mode,
    recipes: builds.recipes.map(({ framework, requirements, cpu_requirements, module }) => {
      return { framework, requirements, cpuRequirements: cpu_requirements, module: module ?? moduleOf(framework) };
    }),
    aliases: entries.flatMap(({ framework, version, aliases, served_by, env }) =>
      served_by === null ? [] : [{ framework, version, aliases, servedBy: served_by, env }],
    ),
    timeLimitMs: builds.timeLimitMs,
    variables: process.env,
  });
  return { ...environments, machine };
}
