import { systemClock } from "../base/clock.ts";
import type { Clock } from "../base/clock.ts";
import { runCommand } from "./bounded-command.ts";
import type { CommandRunner } from "./bounded-command.ts";
import type { ConfiguredEnvironment } from "./configured-environment.ts";
import type { Environment, Resolution } from "./environment.ts";
import { canonicalFrameworkName } from "./framework-names.ts";
import { isFolder, isProgram } from "./interpreter-places.ts";
import { WELL_KNOWN_PYTHONS } from "./probe-python.ts";
import { explainMiss } from "./refusal.ts";
import { SharedWork } from "./shared-work.ts";
import { SHELL, surveyMachine } from "./survey.ts";
import type { Offer, Survey } from "./survey.ts";
import { compareVersions, isBeginningOf, isNamed, parseVersionRequest, versionNumbers } from "./version-match.ts";

export interface CatalogueOptions {
  readonly configured?: readonly ConfiguredEnvironment[];
  readonly clock?: Clock;
  readonly run?: CommandRunner;
  /** Where `python3` and `node` are looked for; by default the PATH of this process. */
  readonly searchPath?: string;
  /** Looked at wherever the search path points. */
  readonly wellKnownPythons?: readonly string[];
  /** For one interpreter; a cold import of TensorFlow from a slow disk takes ten seconds and more. */
  readonly probeLimitMs?: number;
}

/** Whether something that is here answers; building is the business of others. */
export type PresentResolution = Exclude<Resolution, { readonly found: "after_build" }>;

/** What is on this machine by itself or by configuration, with what was seen on the way: `doctor` shows it. */
export interface MachineCatalogue {
  /** Everything that works here. Probes at the first call (seconds), then answers from memory. */
  list(signal: AbortSignal): Promise<readonly Environment[]>;
  /** A miss probes again first, so that what was installed meanwhile is found without a restart. */
  resolve(framework: string, version: string, signal: AbortSignal): Promise<PresentResolution>;
  /** The same from memory alone once there is one, so that it takes no time; a miss may be out of date. */
  recall(framework: string, version: string, signal: AbortSignal): Promise<Environment | undefined>;
  survey(signal: AbortSignal): Promise<Survey>;
}

/** A submission that asks for something missing looks again, but a loop of such submissions must not probe all day. */
const PROBE_AGAIN_AFTER_MS = 5_000;
const DEFAULT_PROBE_LIMIT_MS = 30_000;

export function createCatalogue(options: CatalogueOptions = {}): MachineCatalogue {
  return new FoundAndConfigured(options);
}

class FoundAndConfigured implements MachineCatalogue {
  readonly #clock: Clock;
  readonly #hasShellEntry: boolean;
  readonly #probing: SharedWork<Survey>;
  #last: { readonly survey: Survey; readonly atMs: number } | undefined;

  constructor(options: CatalogueOptions) {
    const configured = options.configured ?? [];
    this.#clock = options.clock ?? systemClock;
    this.#hasShellEntry = configured.some((entry) => canonicalFrameworkName(entry.framework) === "shell");
    const surveyOptions = {
      configured,
      run: options.run ?? runCommand,
      searchPath: options.searchPath ?? process.env["PATH"] ?? "",
      wellKnownPythons: options.wellKnownPythons ?? WELL_KNOWN_PYTHONS,
      timeLimitMs: options.probeLimitMs ?? DEFAULT_PROBE_LIMIT_MS,
    };
    this.#probing = new SharedWork(async (signal) => {
      const survey = await surveyMachine(surveyOptions, signal);
      this.#last = { survey, atMs: this.#clock.monotonicMs() };
      return survey;
    });
  }

  async survey(signal: AbortSignal): Promise<Survey> {
    return this.#last?.survey ?? (await this.#probing.join(signal));
  }

  async list(signal: AbortSignal): Promise<readonly Environment[]> {
    const { offers } = await this.survey(signal);
    return offers.map(({ environment }) => environment);
  }

  async recall(framework: string, version: string, signal: AbortSignal): Promise<Environment | undefined> {
    const remembered = choose(await this.survey(signal), canonicalFrameworkName(framework), version);
    return remembered.found && (await isStillThere(remembered.environment)) ? remembered.environment : undefined;
  }

  async resolve(framework: string, version: string, signal: AbortSignal): Promise<PresentResolution> {
    const name = canonicalFrameworkName(framework);
    if (name === "shell" && !this.#hasShellEntry) {
      // Needs nothing of this machine, so it need not wait for the first probe.
      const resolution = choose({ offers: [SHELL], pythons: [], brokenEntries: [] }, name, version);
      if (resolution.found) return resolution;
    }
    const last = this.#last;
    if (last === undefined) return choose(await this.#probing.join(signal), name, version);
    const remembered = choose(last.survey, name, version);
    const isFresh = this.#clock.monotonicMs() - last.atMs < PROBE_AGAIN_AFTER_MS;
    if (remembered.found ? await isStillThere(remembered.environment) : isFresh) return remembered;
    return choose(await this.#probing.join(signal), name, version);
  }
}

/** The operator meant this request for an entry that does not work. Something else that happens to match is not it. */
export function isMeantForBrokenEntry(survey: Survey, name: string, version: string): boolean {
  return survey.brokenEntries.some(({ framework, entry }) => framework === name && isNamed(entry, version));
}

function choose(survey: Survey, name: string, version: string): PresentResolution {
  const offer = isMeantForBrokenEntry(survey, name, version) ? undefined : pickOffer(survey.offers, name, version);
  if (offer !== undefined) return { found: true, environment: offer.environment };
  return { found: false, ...explainMiss(survey, name, version) };
}

export function pickOffer(offers: readonly Offer[], name: string, version: string): Offer | undefined {
  const ofName = offers.filter(({ environment }) => environment.framework === name);
  const named = ofName.find(({ environment, aliases }) => isNamed({ version: environment.version, aliases }, version));
  if (named !== undefined) return named;

  const request = parseVersionRequest(version);
  if (request === undefined) return undefined;
  const { wanted, python } = request;
  const matching = ofName.filter(({ environment, pythonVersion }) => {
    const isVersion = typeof wanted === "string" || isBeginningOf(wanted, versionNumbers(environment.version));
    const isPython =
      python === null || (pythonVersion !== null && isBeginningOf(python, versionNumbers(pythonVersion)));
    return isVersion && isPython;
  });
  const configured = matching.filter(({ environment }) => environment.origin === "configured");
  const candidates = configured.length > 0 ? configured : matching;
  return wanted === "any" ? candidates[0] : newest(candidates);
}

/** Among equal ones the first, which the search path prefers. */
function newest(offers: readonly Offer[]): Offer | undefined {
  return offers.toSorted((a, b) => compareVersions(b.environment.version, a.environment.version))[0];
}

/**
 * What was found once may have been removed since. Without its folder or its program a run would not fail but find
 * the next `python3` on the PATH, which is another environment than it was accepted for.
 */
async function isStillThere(environment: Environment): Promise<boolean> {
  const present = await Promise.all([
    ...Object.values(environment.programs).map(isProgram),
    ...environment.path.map(isFolder),
  ]);
  return !present.includes(false);
}
