/** A place to run a program in: found on this machine by a probe, or configured by the operator. */
export interface Environment {
  /** Canonical framework name, lower case: `pytorch`, `scikit-learn`, `numpy`, `python`, `node`, `shell`. */
  readonly framework: string;
  /** The version that the probe saw: `1.13.1`; `any` for `shell`. */
  readonly version: string;
  /** For people: `PyTorch 1.13.1 on Python 3.11.2 (/usr/bin/python3)`. */
  readonly label: string;
  /** Where it comes from. */
  readonly origin: "found" | "configured" | "built_in";
  /** Programs the environment puts under names of its own, in front of the PATH: `python` -> `/usr/bin/python3`. */
  readonly programs: Readonly<Record<string, string>>;
  /** Folders in front of the system PATH, after `programs`. */
  readonly path: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export type Resolution =
  | { readonly found: true; readonly environment: Environment }
  /** `fact` continues "Framework X cannot run here: "; `hint` says how to add it. */
  | { readonly found: false; readonly fact: string; readonly hint: string };

export interface EnvironmentCatalogue {
  /** Everything that works here. Probes at the first call (seconds), then answers from memory. */
  list(signal: AbortSignal): Promise<readonly Environment[]>;
  /**
   * The environment for a framework and version as written in a manifest. A version matches when its numbers are
   * the beginning of the found ones (`1.13` finds 1.13.1); `-py3` picks the Python. A miss probes again first, so
   * that what was installed meanwhile is found without a restart.
   */
  resolve(framework: string, version: string, signal: AbortSignal): Promise<Resolution>;
}
