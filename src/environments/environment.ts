/** A place to run a program in: found on this machine by a probe, or configured by the operator. */
export interface Environment {
  /** Canonical framework name, lower case: `pytorch`, `scikit-learn`, `numpy`, `python`, `node`, `shell`. */
  readonly framework: string;
  /** The version that the probe saw: `1.13.1`; `any` for `shell`. */
  readonly version: string;
  /** For people: `PyTorch 1.13.1 on Python 3.11.2 (/usr/bin/python3)`. */
  readonly label: string;
  /** Where it comes from. */
  readonly origin: "found" | "configured" | "built" | "built_in";
  /** Programs the environment puts under names of its own, in front of the PATH: `python` -> `/usr/bin/python3`. */
  readonly programs: Readonly<Record<string, string>>;
  /** Folders in front of the system PATH, after `programs`. */
  readonly path: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export type Resolution =
  | { readonly found: true; readonly environment: Environment }
  /** Not here yet, but `provide` can build it. `label` is for people: what will be installed, and by what. */
  | { readonly found: "after_build"; readonly label: string }
  /** `fact` continues "Framework X cannot run here: "; `hint` says how to add it. */
  | { readonly found: false; readonly fact: string; readonly hint: string };

export interface EnvironmentRequest {
  readonly framework: string;
  readonly version: string;
  /** The text of a `requirements.txt` to install as well: only a built environment can have them. Null for none. */
  readonly requirements: string | null;
}

export interface ProvidedEnvironment {
  readonly environment: Environment;
  /** Every package with its version and hashes, of a built environment; null for any other. */
  readonly lock: string | null;
}

export interface ProvideOptions {
  /** Called with each line that a build prints; who joins a build that is going on gets its earlier lines first. */
  onLine(line: string): void;
  /**
   * Called with the lock before the environment is handed out. Whoever keeps it where `isInUse` looks can be sure
   * that the environment is not removed under his feet.
   */
  keepLock(lock: string): Promise<void>;
}

export interface EnvironmentCatalogue {
  /** Everything that works here. Probes at the first call (seconds), then answers from memory. */
  list(signal: AbortSignal): Promise<readonly Environment[]>;
  /**
   * The environment for a framework and version as written in a manifest. A version matches when its numbers are
   * the beginning of the found ones (`1.13` finds 1.13.1); `-py3` picks the Python. A miss probes again first, so
   * that what was installed meanwhile is found without a restart.
   */
  resolve(framework: string, version: string, signal: AbortSignal): Promise<Resolution>;
  /** The same for a run that brings requirements of its own, which never goes into an environment that was merely found. */
  resolveWithRequirements(framework: string, version: string, signal: AbortSignal): Promise<Resolution>;
  /**
   * The environment itself, built first where it must be. All that ask for the same at the same time wait for one
   * build; it is aborted once the last of them has left. Rejects with `environment_unavailable` where nothing
   * answers, and with an `EnvironmentBuildError` where the build failed.
   */
  provide(request: EnvironmentRequest, options: ProvideOptions, signal: AbortSignal): Promise<ProvidedEnvironment>;
}
