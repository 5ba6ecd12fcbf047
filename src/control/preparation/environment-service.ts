import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { environmentInUse, environmentNotBuilt, environmentNotFound } from "../../domain/environment-errors.ts";
import { EnvironmentBuildError } from "../../environments/build-error.ts";
import { environmentId, type BuiltEnvironment } from "../../environments/built-environments.ts";
import type { Environments } from "../../environments/create-environments.ts";
import type { Environment } from "../../environments/environment.ts";
import type { Store } from "../../store/store.ts";
import { learnerDirectory, runDirectory } from "../run/run-directory.ts";
import { REQUIREMENTS_LOCK } from "./run-environment.ts";

export interface EnvironmentServiceParts {
  readonly home: string;
  readonly store: Store;
  readonly environments: Environments;
}

export interface ListedEnvironment {
  readonly environment: Environment;
  /** Null for one that was not built here. */
  readonly built: BuiltEnvironment | null;
  readonly isInUse: boolean;
}

export interface EnvironmentListing {
  readonly environments: readonly ListedEnvironment[];
  readonly building: readonly string[];
  readonly installer: string | null;
  readonly buildable: readonly { readonly framework: string; readonly requirements: readonly string[] }[];
}

/** What can be asked of environments apart from runs: list them, build one ahead, remove one. */
export class EnvironmentService {
  readonly #parts: EnvironmentServiceParts;
  /** Builds ahead of any run, until somebody has heard how they ended. They go on while nobody waits. */
  readonly #ahead = new Map<string, Promise<ListedEnvironment>>();
  readonly #ending = new AbortController();

  constructor(parts: EnvironmentServiceParts) {
    this.#parts = parts;
  }

  async list(signal: AbortSignal): Promise<EnvironmentListing> {
    const { environments: here } = this.#parts;
    const { catalogue, folders, builder, recipes } = here;
    const [all, built, used] = await Promise.all([catalogue.list(signal), folders.list(), this.#usedIds()]);
    const present = all.filter(({ origin }) => origin !== "built");
    const byWhom = builder === null ? null : ((await here.installer(signal)) ?? null);
    return {
      environments: [
        ...present.map((environment) => ({ environment, built: null, isInUse: false })),
        ...built.map((one) => ({
          environment: catalogue.environmentOf(one),
          built: one,
          isInUse: used.has(one.id),
        })),
      ],
      building: builder?.building ?? [],
      installer: byWhom,
      buildable: byWhom === null ? [] : recipes.map(({ framework, requirements }) => ({ framework, requirements })),
    };
  }

  /**
   * The environment that a run with this framework and version would get, built where it must be. Undefined when
   * that is not done when `wait` is aborted; the build goes on, and the same order asks for it again.
   */
  async build(framework: string, version: string, wait: AbortSignal): Promise<ListedEnvironment | undefined> {
    const key = JSON.stringify([framework, version]);
    let build = this.#ahead.get(key);
    if (build === undefined) {
      build = this.#provide(framework, version);
      build.catch(() => undefined); // told to whoever asks next
      this.#ahead.set(key, build);
    }
    const over = Promise.withResolvers<undefined>();
    const end = (): void => over.resolve(undefined);
    wait.addEventListener("abort", end, { once: true });
    if (wait.aborted) end();
    try {
      const done = await Promise.race([build, over.promise]);
      if (done !== undefined) this.#ahead.delete(key);
      return done;
    } catch (error) {
      this.#ahead.delete(key);
      if (error instanceof EnvironmentBuildError) {
        throw environmentNotBuilt(`${framework} ${version}`, error.message, error.hint, error.lastLines);
      }
      throw error;
    } finally {
      wait.removeEventListener("abort", end);
    }
  }

  /** Removes a built environment and the log of its build. Runs that ended keep their locks. */
  async remove(id: string): Promise<void> {
    const { folders, builder } = this.#parts.environments;
    const remove = async (): Promise<void> => {
      if ((await this.#usedIds()).has(id)) throw environmentInUse(id);
      if (!(await folders.remove(id))) throw environmentNotFound(id);
    };
    if (builder?.building.includes(id) === true) throw environmentInUse(id);
    await (builder === null ? remove() : builder.alone(id, remove));
  }

  /** Aborts what is built ahead; runs that wait for the same go on. */
  close(): void {
    this.#ending.abort(new Error("The server is ending."));
  }

  async #provide(framework: string, version: string): Promise<ListedEnvironment> {
    const { catalogue, folders } = this.#parts.environments;
    const request = { framework, version, requirements: null };
    const options = { onLine: () => {}, keepLock: async () => {} };
    const { environment, lock } = await catalogue.provide(request, options, this.#ending.signal);
    const built = lock === null ? null : ((await folders.find(environmentId(lock))) ?? null);
    return { environment, built, isInUse: false };
  }

  /** A live run says by the lock in its directory which environment it uses; it outlives this process as the run does. */
  async #usedIds(): Promise<ReadonlySet<string>> {
    const used = new Set<string>();
    let cursor: string | null = null;
    do {
      const query = { states: ["downloading", "running"] as const, name: null, idPrefix: null, limit: 1000, cursor };
      const page = await this.#parts.store.listRuns(query);
      for (const { id } of page.runs) {
        const folder = learnerDirectory(runDirectory(this.#parts.home, id), 1);
        // No lock: not in a built environment, or not yet that far.
        const lock = await readFile(join(folder, REQUIREMENTS_LOCK), "utf8").catch(() => null);
        if (lock !== null) used.add(environmentId(lock));
      }
      cursor = page.nextCursor;
    } while (cursor !== null);
    return used;
  }
}
