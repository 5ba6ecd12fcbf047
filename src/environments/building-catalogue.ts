import type { Clock } from "../base/clock.ts";
import { environmentUnavailable } from "../domain/environment-errors.ts";
import { EnvironmentBuildError } from "./build-error.ts";
import { environmentOf } from "./built-environments.ts";
import type { BuiltEnvironment, BuiltEnvironments } from "./built-environments.ts";
import { inputKeyOf } from "./build-order.ts";
import type { BuildOrder, LockedOrder } from "./build-order.ts";
import type { EnvironmentBuilder } from "./builder.ts";
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
import { canonicalFrameworkName } from "./framework-names.ts";
import { planBuild } from "./plan-build.ts";
import type { BuildPlan } from "./plan-build.ts";
import type { Recipe } from "./recipes.ts";
import { labelOf, linesOf, NO_REQUIREMENTS_HERE, refusalOf, relabel, unasked, withReason } from "./build-answers.ts";
import type { Miss } from "./build-answers.ts";
import { findAlias, servedAs } from "./served-by.ts";
import type { ServedBy } from "./served-by.ts";

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
      if (missing.found) return missing;
      try {
        return await this.#askIndex(name, wanted, missing, signal);
      } catch (error) {
        if (error instanceof EnvironmentBuildError) return refusalOf(missing, error);
        throw error;
      }
    });
  }

  async resolveWithRequirements(framework: string, version: string, signal: AbortSignal): Promise<Resolution> {
    return this.#throughAlias(framework, version, async (name, wanted) => {
      try {
        return await this.#askIndex(name, wanted, NO_REQUIREMENTS_HERE, signal);
      } catch (error) {
        if (!(error instanceof EnvironmentBuildError)) throw error;
        // What is in the file is not known here: an environment for it may have been built when the index answered.
        return error.trouble === "index_unreachable" ? unasked(name, wanted) : refusalOf(NO_REQUIREMENTS_HERE, error);
      }
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
    const before = await this.#findEqual(plan.order);
    const handed = before === undefined ? undefined : await this.#handOut(before.id, options);
    return handed ?? this.#build(builder, await builder.lock(plan.order, signal), options, signal);
  }

  /** Built for the very same requirements: they mean what they meant then until it is removed, index or not. */
  async #findEqual(order: BuildOrder): Promise<BuiltEnvironment | undefined> {
    const key = inputKeyOf(order);
    return (await this.#parts.folders.list()).find(({ inputKey }) => inputKey === key);
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

  /**
   * Says at submission what the index says: a version that does not exist is no surprise for later. Rejects with
   * `EnvironmentBuildError` where it has nothing that fits, or does not answer.
   */
  async #askIndex(name: string, version: string, missing: Miss, signal: AbortSignal): Promise<Resolution> {
    const plan = await this.#plan(name, version, [], signal);
    const { builder } = this.#parts;
    if (plan.status === "impossible" || builder === null) {
      return { found: false, ...(plan.status === "impossible" ? withReason(missing, plan.fact) : missing) };
    }
    if (!this.#parts.asksIndex) return unasked(name, version);
    const limit = AbortSignal.timeout(ASK_LIMIT_MS);
    try {
      const locked = await builder.lock(plan.order, AbortSignal.any([signal, limit]));
      return { found: "after_build", label: labelOf(name, locked) };
    } catch (error) {
      if (limit.aborted && !signal.aborted) return unasked(name, version);
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
