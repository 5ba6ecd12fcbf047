import type { Clock } from "../base/clock.ts";
import { environmentUnavailable } from "../domain/errors.ts";
import { EnvironmentBuildError } from "./build-error.ts";
import { environmentOf } from "./built-environments.ts";
import type { BuiltEnvironment, BuiltEnvironments } from "./built-environments.ts";
import type { EnvironmentBuilder, LockedOrder } from "./builder.ts";
import { isMeantForBrokenEntry, pickOffer } from "./catalogue.ts";
import type { MachineCatalogue } from "./catalogue.ts";
import type {
  Environment,
  EnvironmentCatalogue,
  EnvironmentRequest,
  ProvidedEnvironment,
  ProvideOptions,
  Resolution,
} from "./environment.ts";
import { canonicalFrameworkName, knownFramework } from "./framework-names.ts";
import { planBuild } from "./plan-build.ts";
import type { BuildPlan } from "./plan-build.ts";
import type { Recipe } from "./recipes.ts";
import { readRequirements } from "./requirement-lines.ts";
import { findAlias, servedAs } from "./served-by.ts";
import type { Alias, ServedBy } from "./served-by.ts";

export interface BuildingCatalogueParts {
  readonly machine: MachineCatalogue;
  /** Null where the operator has switched building off. */
  readonly builder: EnvironmentBuilder | null;
  readonly folders: BuiltEnvironments;
  readonly recipes: ReadonlyMap<string, Recipe>;
  readonly aliases: readonly ServedBy[];
  readonly hasGpu: boolean;
  readonly clock: Clock;
  /** False leaves the network alone: then `resolve` says what would be tried, not what the index has. */
  readonly asksIndex: boolean;
}

/** A submission waits this long for the package index; what it could not say by then, the build will. */
const ASK_LIMIT_MS = 30_000;

/** What is here, what was built, and what can be built, in this order. */
export class BuildingCatalogue implements EnvironmentCatalogue {
  readonly #parts: BuildingCatalogueParts;

  constructor(parts: BuildingCatalogueParts) {
    this.#parts = parts;
  }

  async list(signal: AbortSignal): Promise<readonly Environment[]> {
    const built = await this.#parts.folders.list();
    return [...(await this.#parts.machine.list(signal)), ...built.map((one) => this.environmentOf(one))];
  }

  async resolve(framework: string, version: string, signal: AbortSignal): Promise<Resolution> {
    return this.#throughAlias(framework, version, async (name, wanted) => {
      const present = await this.#findPresent(name, wanted, signal);
      if (present !== undefined) return { found: true, environment: present.environment };
      const missing = await this.#parts.machine.resolve(name, wanted, signal);
      return missing.found ? missing : this.#askIndex(name, wanted, missing, signal);
    });
  }

  async resolveWithRequirements(framework: string, version: string, signal: AbortSignal): Promise<Resolution> {
    return this.#throughAlias(framework, version, async (name, wanted) => {
      return this.#askIndex(name, wanted, NO_REQUIREMENTS_HERE, signal);
    });
  }

  async provide(
    request: EnvironmentRequest,
    options: ProvideOptions,
    signal: AbortSignal,
  ): Promise<ProvidedEnvironment> {
    const { framework, version } = request;
    const alias = findAlias(this.#parts.aliases, framework, version);
    const target = {
      ...request,
      ...(alias === undefined ? {} : { framework: alias.framework, version: alias.version }),
    };
    const { environment, lock } = await this.#provideTarget(target, options, signal);
    return { environment: alias === undefined ? environment : servedAs(environment, alias), lock };
  }

  async #provideTarget(
    request: EnvironmentRequest,
    options: ProvideOptions,
    signal: AbortSignal,
  ): Promise<ProvidedEnvironment> {
    const { framework, version, requirements } = request;
    const name = canonicalFrameworkName(framework);
    let missing: Miss = NO_REQUIREMENTS_HERE;
    if (requirements === null) {
      const present = await this.#findPresent(name, version, signal);
      if (present !== undefined && present.built === null) return { environment: present.environment, lock: null };
      const handed =
        present?.built === undefined || present.built === null
          ? undefined
          : await this.#handOut(present.built.id, options);
      if (handed !== undefined) return handed;
      const here = await this.#parts.machine.resolve(name, version, signal);
      if (here.found) return { environment: here.environment, lock: null };
      missing = here;
    }
    const plan = await this.#plan(name, version, requirements === null ? [] : linesOf(requirements), signal);
    const { builder } = this.#parts;
    if (plan.status === "impossible" || builder === null) {
      const { fact, hint } = plan.status === "impossible" ? withReason(missing, plan.fact) : missing;
      throw environmentUnavailable(framework, version, fact, hint);
    }
    return this.#build(builder, await builder.lock(plan.order, signal), options, signal);
  }

  /** Once more, should it be removed between the end of its build and its handing out. */
  async #build(
    builder: EnvironmentBuilder,
    locked: LockedOrder,
    options: ProvideOptions,
    signal: AbortSignal,
  ): Promise<ProvidedEnvironment> {
    for (;;) {
      await builder.build(locked, (line) => options.onLine(line), signal);
      const handed = await this.#handOut(locked.id, options);
      if (handed !== undefined) return handed;
      signal.throwIfAborted();
    }
  }

  /** The lock is kept before the environment is given, so that nobody removes it in between. */
  async #handOut(id: string, options: ProvideOptions): Promise<ProvidedEnvironment | undefined> {
    const { folders, builder, clock } = this.#parts;
    const hand = async (): Promise<ProvidedEnvironment | undefined> => {
      const built = await folders.find(id);
      if (built === undefined) return undefined;
      const lock = await folders.readLock(id);
      await options.keepLock(lock);
      await folders.markUsed(id, clock.now());
      return { environment: this.environmentOf(built), lock };
    };
    return builder === null ? hand() : builder.alone(id, hand);
  }

  async #throughAlias(
    framework: string,
    version: string,
    resolve: (name: string, version: string) => Promise<Resolution>,
  ): Promise<Resolution> {
    const alias = findAlias(this.#parts.aliases, framework, version);
    if (alias === undefined) return resolve(canonicalFrameworkName(framework), version);
    return relabel(await resolve(canonicalFrameworkName(alias.framework), alias.version), alias);
  }

  /** What answers without asking anybody: of this machine, else built before. */
  async #findPresent(
    name: string,
    version: string,
    signal: AbortSignal,
  ): Promise<{ readonly environment: Environment; readonly built: BuiltEnvironment | null } | undefined> {
    const { machine, folders } = this.#parts;
    if (name === "shell") return undefined;
    const here = await machine.recall(name, version, signal);
    if (here !== undefined) return { environment: here, built: null };
    if (isMeantForBrokenEntry(await machine.survey(signal), name, version)) return undefined;
    const built = (await folders.list()).filter(({ isSpecial }) => !isSpecial);
    const offers = built.map((one) => ({
      environment: this.environmentOf(one),
      pythonVersion: one.pythonVersion,
      aliases: [],
      built: one,
    }));
    const offer = pickOffer(offers, name, version);
    return offers.find((one) => one === offer);
  }

  /** Says at submission what the index says: a version that does not exist is no surprise for later. */
  async #askIndex(name: string, version: string, missing: Miss, signal: AbortSignal): Promise<Resolution> {
    const plan = await this.#plan(name, version, [], signal);
    const { builder } = this.#parts;
    if (plan.status === "impossible" || builder === null) {
      return { found: false, ...(plan.status === "impossible" ? withReason(missing, plan.fact) : missing) };
    }
    const unasked = {
      found: "after_build",
      label: `${knownFramework(name)?.title ?? name} ${version}, to be built`,
    } as const;
    if (!this.#parts.asksIndex) return unasked;
    const limit = AbortSignal.timeout(ASK_LIMIT_MS);
    try {
      const locked = await builder.lock(plan.order, AbortSignal.any([signal, limit]));
      return { found: "after_build", label: labelOf(name, locked) };
    } catch (error) {
      if (error instanceof EnvironmentBuildError) return refusalOf(missing, error);
      signal.throwIfAborted();
      if (limit.aborted) return unasked;
      throw error;
    }
  }

  async #plan(name: string, version: string, extra: readonly string[], signal: AbortSignal): Promise<BuildPlan> {
    const { machine, recipes, hasGpu } = this.#parts;
    const survey = await machine.survey(signal);
    if (isMeantForBrokenEntry(survey, name, version)) return { status: "impossible", fact: null };
    return planBuild({ recipe: recipes.get(name), version, extra, pythons: survey.pythons, hasGpu });
  }

  /** How a run would get it. */
  environmentOf(built: BuiltEnvironment): Environment {
    return environmentOf(built, this.#parts.folders.folder(built.id));
  }
}

type Miss = Pick<Extract<Resolution, { readonly found: false }>, "fact" | "hint">;

const NO_REQUIREMENTS_HERE: Miss = {
  fact: "the manifest names a file of requirements, and nothing is built for this framework here",
  hint: "Remove 'requirements' from the manifest; or the operator adds a recipe under 'builds:' in trainyard.yaml.",
};

function withReason(missing: Miss, fact: string | null): Miss {
  return fact === null ? missing : { ...missing, fact: `${missing.fact}; it cannot be built either: ${fact}` };
}

function refusalOf(missing: Miss, error: EnvironmentBuildError): Resolution {
  const last = error.lastLines
    .slice(-3)
    .map((line) => line.trim())
    .join(" ");
  const words = `${error.message} ${last}`.trim().replace(/[.:]$/, "");
  return { found: false, fact: `${missing.fact}; it cannot be built either: ${words}`, hint: error.hint };
}

function linesOf(text: string): readonly string[] {
  const reading = readRequirements(text);
  if (reading.status === "read") return reading.lines;
  throw new EnvironmentBuildError(
    "unresolvable",
    `The file of requirements is not taken: ${reading.fact}`,
    [],
    "Write names with versions only, one on each line.",
  );
}

function labelOf(name: string, { requirements, python }: LockedOrder): string {
  return `${knownFramework(name)?.title ?? name} for Python ${python.version}, to be built from ${requirements.join(", ")}`;
}

function relabel(resolution: Resolution, alias: Alias): Resolution {
  if (resolution.found === true) return { found: true, environment: servedAs(resolution.environment, alias) };
  if (resolution.found === "after_build") {
    return { ...resolution, label: `${resolution.label}, to serve ${alias.asked} by the operator's alias` };
  }
  const served = `the operator lets ${alias.framework} ${alias.version} serve it, and that cannot run here`;
  return { ...resolution, fact: `${served}: ${resolution.fact}` };
}
