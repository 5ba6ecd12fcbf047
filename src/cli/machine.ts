import type { ManifestReading } from "../manifest/read-manifest.ts";

/**
 * What the command line needs from the machine it runs on but may not import: the layers below the server. The
 * composition root hands it in and loads what is behind it only when a method is called.
 */
export interface Machine {
  /** Runs the server until it is asked to end; resolves with the exit code. */
  serve(options: ServeOptions): Promise<number>;
  /** What a server with this home would find. */
  doctor(home: string): Promise<DoctorReport>;
  /** Which environment a submission to a server with this home would get on this machine. */
  resolveEnvironment(framework: WantedFramework, home: string): Promise<EnvironmentAnswer>;
}

/** A manifest's framework; with `requirements` it never gets an environment that was merely found. */
export type WantedFramework = NonNullable<ManifestReading["spec"]>["framework"];

export interface ServeOptions {
  readonly home: string;
  /** `HOST:PORT` as written; null leaves it to the configuration. */
  readonly listen: string | null;
  /** A configuration file other than the home's own. */
  readonly config: string | null;
}

export interface DoctorReport {
  readonly checks: readonly DoctorCheck[];
}

export interface DoctorCheck {
  readonly name: string;
  /** `missing`: runs here without it. `broken`: something will not work until it is mended. */
  readonly status: "ok" | "missing" | "broken";
  readonly found: string;
  /** The command or the change that mends it. */
  readonly remedy: string | null;
}

export type EnvironmentAnswer =
  | { readonly found: true; readonly label: string }
  /** `fact` continues "Framework X cannot run here: ". */
  | { readonly found: false; readonly fact: string; readonly hint: string };
