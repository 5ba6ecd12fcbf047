import type { Clock } from "../base/clock.ts";
import { runCommand } from "./bounded-command.ts";
import type { CommandRunner } from "./bounded-command.ts";
import { EnvironmentBuildError } from "./build-error.ts";
import { EnvironmentBuilder } from "./builder.ts";
import { BuildingCatalogue } from "./building-catalogue.ts";
import { BuiltEnvironments } from "./built-environments.ts";
import type { MachineCatalogue } from "./catalogue.ts";
import { canInstall, findUv } from "./find-installer.ts";
import type { InstallerSearch } from "./find-installer.ts";
import { indexSettings } from "./index-settings.ts";
import { SYSTEM_PATH } from "./learner-path.ts";
import { canonicalFrameworkName } from "./framework-names.ts";
import type { InstallStep } from "./installer.ts";
import { pipInstaller } from "./pip-installer.ts";
import { mergeRecipes } from "./recipes.ts";
import type { Recipe } from "./recipes.ts";
import type { ServedBy } from "./served-by.ts";
import { join } from "node:path";

export interface EnvironmentsOptions {
  readonly machine: MachineCatalogue;
  /** `home/environments`. */
  readonly folder: string;
  readonly clock: Clock;
  readonly hasGpu: boolean;
  readonly mode: "auto" | "off";
  readonly recipes: readonly Recipe[];
  readonly aliases: readonly ServedBy[];
  readonly timeLimitMs: number;
  readonly asksIndex: boolean;
  /** Of the server: PATH, and what its operator set for package indexes. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly run?: CommandRunner;
}

/** All environments of this home. */
export interface Environments {
  readonly catalogue: BuildingCatalogue;
  readonly folders: BuiltEnvironments;
  /** Null where building is switched off. */
  readonly builder: EnvironmentBuilder | null;
  readonly recipes: readonly Recipe[];
  /** What would install, for people; undefined where nothing can. Touches no network. */
  installer(signal: AbortSignal): Promise<string | undefined>;
  /** Asks the package index for a small package, without building anything; null when it answers. */
  askIndex(signal: AbortSignal): Promise<EnvironmentBuildError | null>;
}

const INDEX_ANSWER_MS = 30_000;

/** Whatever is here does it, and fetches nothing: a question must leave the home as it is. */
async function askForSix(search: InstallerSearch, python: string, step: InstallStep): Promise<void> {
  const installer = (await findUv(search, step.signal)) ?? pipInstaller(python, "", search);
  await installer.lock(python, ["six"], step);
}

export function createEnvironments(options: EnvironmentsOptions): Environments {
  const { machine, folder, clock, hasGpu, timeLimitMs, variables, aliases, asksIndex } = options;
  const run = options.run ?? runCommand;
  const folders = new BuiltEnvironments(folder);
  const installerSearch = async (signal: AbortSignal): Promise<InstallerSearch> => {
    const { pythons } = await machine.survey(signal);
    const searchPath = variables["PATH"] ?? SYSTEM_PATH;
    return {
      run,
      searchPath,
      toolsFolder: join(folder, "tools"),
      env: { LANG: "C.UTF-8", PATH: searchPath, ...(await indexSettings(variables)) },
      pythons: pythons.filter((python) => python.status === "works"),
    };
  };
  const builder =
    options.mode === "off" ? null : new EnvironmentBuilder({ folders, run, clock, timeLimitMs, installerSearch });
  const recipes = mergeRecipes(
    options.recipes.map((one) => ({ ...one, framework: canonicalFrameworkName(one.framework) })),
  );
  return {
    catalogue: new BuildingCatalogue({ machine, builder, folders, recipes, aliases, hasGpu, clock, asksIndex }),
    folders,
    builder,
    recipes: [...recipes.values()],
    installer: async (signal) => canInstall(await installerSearch(signal), signal),
    askIndex: async (signal) => {
      const search = await installerSearch(signal);
      const [python] = search.pythons;
      if (python === undefined) return new EnvironmentBuildError("no_tool", "There is no working Python.");
      try {
        await askForSix(search, python.interpreter, { timeLimitMs: INDEX_ANSWER_MS, signal, onLine: () => {} });
        return null;
      } catch (error) {
        if (error instanceof EnvironmentBuildError) return error;
        throw error;
      }
    },
  };
}
