import { dirname, join } from "node:path";
import { appendFile, mkdir, writeFile } from "../base/world-files.ts";
import type { Clock } from "../base/clock.ts";
import type { CommandRunner } from "./bounded-command.ts";
import { EnvironmentBuildError } from "./build-error.ts";
import { headOf, inputKeyOf, lockedVersion } from "./build-order.ts";
import type { BuildOrder, LockedOrder } from "./build-order.ts";
import { environmentId } from "./built-environments.ts";
import type { BuiltEnvironment, BuiltEnvironments } from "./built-environments.ts";
import { findInstaller } from "./find-installer.ts";
import type { InstallerSearch } from "./find-installer.ts";
import { KeyedLock } from "./keyed-lock.ts";
import { askPython } from "./probe-python.ts";
import { SharedWork } from "./shared-work.ts";

export interface BuilderParts {
  readonly folders: BuiltEnvironments;
  readonly run: CommandRunner;
  readonly clock: Clock;
  readonly timeLimitMs: number;
  /** Asked for each build anew: a uv that was installed meanwhile is taken. */
  installerSearch(signal: AbortSignal): Promise<InstallerSearch>;
}

/** An index that was just asked is not asked again by the run that the question was for. */
const LOCK_KEPT_MS = 10 * 60_000;
const KEPT_LINES = 1_000;

interface Build {
  readonly work: SharedWork<BuiltEnvironment>;
  readonly lines: string[];
  readonly listeners: Set<(line: string) => void>;
}

/** Resolves requirements to locks and locks to environments, each once however many wait for it. */
export class EnvironmentBuilder {
  readonly #parts: BuilderParts;
  readonly #locking = new Map<string, SharedWork<LockedOrder>>();
  readonly #locked = new Map<string, { readonly locked: LockedOrder; readonly atMs: number }>();
  readonly #builds = new Map<string, Build>();
  /** One build or removal of an environment at a time. */
  readonly #folders = new KeyedLock();

  constructor(parts: BuilderParts) {
    this.#parts = parts;
  }

  /** What is being built now. */
  get building(): readonly string[] {
    return [...this.#builds.keys()];
  }

  /** Asks the package index. Rejects with `EnvironmentBuildError`. */
  async lock(order: BuildOrder, signal: AbortSignal): Promise<LockedOrder> {
    const key = inputKeyOf(order);
    const kept = this.#locked.get(key);
    if (kept !== undefined && this.#parts.clock.monotonicMs() - kept.atMs < LOCK_KEPT_MS) return kept.locked;
    const work = getOrAdd(this.#locking, key, () => new SharedWork(async (abort) => this.#resolve(order, key, abort)));
    try {
      return await work.join(signal);
    } finally {
      this.#locking.delete(key);
    }
  }

  /** The environment of a lock, built unless it is there. Who joins a build under way gets its earlier lines first. */
  async build(locked: LockedOrder, onLine: (line: string) => void, signal: AbortSignal): Promise<BuiltEnvironment> {
    const ready = await this.#parts.folders.find(locked.id);
    if (ready !== undefined) return ready;
    const build = getOrAdd(this.#builds, locked.id, (): Build => {
      const work = async (abort: AbortSignal): Promise<BuiltEnvironment> =>
        this.#folders.run(locked.id, async () => this.#make(locked, made, abort));
      const made: Build = { work: new SharedWork(work), lines: [], listeners: new Set() };
      return made;
    });
    for (const line of build.lines) onLine(line);
    build.listeners.add(onLine);
    try {
      return await build.work.join(signal);
    } finally {
      build.listeners.delete(onLine);
      if (build.listeners.size === 0 && this.#builds.get(locked.id) === build) this.#builds.delete(locked.id);
    }
  }

  /** Does something to an environment while nobody builds or removes it. */
  async alone<T>(id: string, work: () => Promise<T>): Promise<T> {
    return this.#folders.run(id, work);
  }

  async #resolve(order: BuildOrder, inputKey: string, signal: AbortSignal): Promise<LockedOrder> {
    const step = { timeLimitMs: this.#parts.timeLimitMs, signal, onLine: () => {} };
    const installer = await findInstaller(await this.#parts.installerSearch(signal), step);
    let first: unknown;
    for (const python of order.pythons) {
      for (const requirements of order.choices) {
        try {
          const body = requirements.length === 0 ? "" : await installer.lock(python.interpreter, requirements, step);
          const lock = headOf(order, python.version) + body;
          const locked = { order, inputKey, id: environmentId(lock), lock, requirements, python };
          this.#locked.set(inputKey, { locked, atMs: this.#parts.clock.monotonicMs() });
          return locked;
        } catch (error) {
          if (!(error instanceof EnvironmentBuildError) || error.trouble !== "unresolvable") throw error;
          first ??= error;
        }
      }
    }
    throw first ?? new EnvironmentBuildError("no_tool", "No Python on this machine is suitable.");
  }

  async #make(locked: LockedOrder, build: Build, signal: AbortSignal): Promise<BuiltEnvironment> {
    const { folders, clock, run, timeLimitMs } = this.#parts;
    const { id, order, python, lock } = locked;
    // Whoever was first in line may have built it.
    const ready = await folders.find(id);
    if (ready !== undefined) return ready;
    signal.throwIfAborted();
    const startedMs = clock.monotonicMs();
    const folder = await folders.clear(id);
    await mkdir(dirname(folder), { recursive: true });
    await writeFile(folders.logPath(id), "");
    const tell = this.#teller(id, build);
    try {
      const step = { timeLimitMs, signal, onLine: (line: string) => tell.line(line) };
      const installer = await findInstaller(await this.#parts.installerSearch(signal), step);
      tell.line(
        `Building environment ${id} for Python ${python.version} (${python.interpreter}) with ${installer.label}`,
      );
      tell.line(`Requirements: ${locked.requirements.join(", ") || "none"}`);
      await installer.install(python.interpreter, lock, folder, step);
      if (order.atStart !== null) await folders.writeAtStart(id, python.version, order.atStart);
      const seen = await this.#check(order, join(folder, "bin/python"), { run, timeLimitMs }, signal);
      const version = seen ?? lockedVersion(locked) ?? python.version;
      const sizeBytes = await folders.sizeOf(id);
      signal.throwIfAborted();
      await folders.complete(id, lock, {
        framework: order.framework,
        version,
        pythonVersion: python.version,
        requirements: [...locked.requirements],
        isSpecial: order.isSpecial,
        inputKey: locked.inputKey,
        builtBy: installer.label,
        builtAt: clock.now().toISOString(),
        sizeBytes,
      });
      tell.line(`Built environment ${id} in ${((clock.monotonicMs() - startedMs) / 1000).toFixed(1)} s`);
      return await this.#found(id);
    } catch (error) {
      tell.line(signal.aborted ? "Aborted: nobody waits for it any more" : `Failed: ${(error as Error).message}`);
      await folders.clear(id);
      throw error;
    } finally {
      await tell.done();
    }
  }

  async #found(id: string): Promise<BuiltEnvironment> {
    const built = await this.#parts.folders.find(id);
    if (built === undefined) throw new Error(`Environment ${id} vanished while it was built.`);
    return built;
  }

  /** The version that the framework tells when it is imported; undefined where there is nothing to import. */
  async #check(
    { framework, module }: BuildOrder,
    interpreter: string,
    options: { readonly run: CommandRunner; readonly timeLimitMs: number },
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const modules = module === null ? [] : [module];
    const report = await askPython(interpreter, modules, { ...options, keepBytecode: true }, signal);
    const trouble = (fact: string): EnvironmentBuildError =>
      new EnvironmentBuildError("does_not_work", `The built environment for ${framework} does not work: ${fact}.`, [
        fact,
      ]);
    if (report.status === "broken") throw trouble(report.reason);
    const found = report.modules[0];
    if (module === null) return undefined;
    if (found === undefined) throw trouble(`there is no module ${module} in it`);
    if (found.status === "failed") throw trouble(`${module} cannot be imported: ${found.reason}`);
    return found.version;
  }

  /** Lines go to the build's log and to everybody who waits, in order. */
  #teller(id: string, build: Build): { line(text: string): void; done(): Promise<void> } {
    const path = this.#parts.folders.logPath(id);
    let writing = Promise.resolve();
    return {
      line: (text) => {
        // A full disk fails the build itself; its log is not the place to notice it.
        writing = writing.then(() => appendFile(path, `${text}\n`)).catch(() => undefined);
        build.lines.push(text);
        if (build.lines.length > KEPT_LINES) build.lines.shift();
        for (const listener of build.listeners) listener(text);
      },
      done: () => writing,
    };
  }
}

function getOrAdd<V>(map: Map<string, V>, key: string, make: () => V): V {
  const there = map.get(key);
  if (there !== undefined) return there;
  const made = make();
  map.set(key, made);
  return made;
}
