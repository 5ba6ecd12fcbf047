import type { BackoffPolicy } from "../base/backoff.ts";
import type { ListenAddress } from "./address.ts";
import { readConfigurationFile } from "./configuration-file.ts";
import { refuseConfiguration } from "./configuration-problem.ts";
import type { ConfigurationProblem } from "./configuration-problem.ts";
import type { EnvironmentEntry, RecipeEntry } from "./environment-entry.ts";
import { variableOf } from "./setting.ts";
import { givenFor, misspelledVariables, problemsOf } from "./setting-sources.ts";
import type { SettingSources } from "./setting-sources.ts";
import { SETTINGS, SETTING_KEYS } from "./setting-table.ts";
import type { SettingKey, SettingValues } from "./setting-table.ts";

/** The configuration of a server, read and checked. */
export interface Settings {
  readonly listen: ListenAddress;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  /** Null keeps details for ever. */
  readonly retentionDays: number | null;
  readonly deleteUndoMs: number;
  /** Null: one for each core, and at least 4. */
  readonly cpuSlots: number | null;
  readonly stopGraceMs: number;
  readonly resultsGiveUpMs: number;
  /** Null: none. */
  readonly timeLimits: { readonly defaultMs: number | null; readonly maxMs: number | null };
  readonly retries: { readonly max: number; readonly delayMs: number };
  readonly directoryRoots: readonly string[];
  readonly network: {
    readonly allow: readonly string[];
    /** Null: only while the server listens on a loopback address. */
    readonly allowPrivate: boolean | null;
  };
  readonly storeRetry: BackoffPolicy;
  /** Null: half of the space that is free when the server starts. */
  readonly cacheMaxBytes: number | null;
  readonly transfer: {
    readonly requests: number;
    readonly requestsPerStore: number;
    /** Null is no limit. */
    readonly bytesPerSecond: number | null;
  };
  /** Of each learner's log; null is no limit. */
  readonly logMaxBytes: number | null;
  readonly limits: {
    readonly manifestBytes: number;
    readonly definitionBytes: number;
    readonly unpackedBytes: number;
    readonly unpackedEntries: number;
  };
  readonly builds: {
    readonly mode: "auto" | "off";
    readonly timeLimitMs: number;
    readonly recipes: readonly RecipeEntry[];
  };
  readonly environments: readonly EnvironmentEntry[];
}

/** Flags win over environment variables, these over the file, the file over the defaults. All problems come at once. */
export function loadSettings(sources: SettingSources): Settings {
  const file = sources.file === null ? null : readConfigurationFile(sources.file);
  const problems: ConfigurationProblem[] = [...(file?.problems ?? []), ...misspelledVariables(sources.env)];
  const read = SETTING_KEYS.map((key) => {
    const given = givenFor(key, sources, file);
    const result = SETTINGS[key].schema.safeParse(given.value);
    if (!result.success) problems.push(...result.error.issues.flatMap((issue) => problemsOf(key, given, issue)));
    return [key, result.data] as const;
  });
  const [first, ...others] = problems;
  if (first !== undefined) throw refuseConfiguration([first, ...others]);
  return settingsOf(Object.fromEntries(read) as unknown as SettingValues);
}

function settingsOf(values: SettingValues): Settings {
  return {
    listen: values.listen,
    logLevel: values["log.level"],
    retentionDays: values["retention.days"],
    deleteUndoMs: values["delete.undo_minutes"] * 60_000,
    cpuSlots: values["devices.cpu_slots"],
    stopGraceMs: values["stop.grace_seconds"] * 1000,
    resultsGiveUpMs: values["results.give_up_minutes"] * 60_000,
    timeLimits: { defaultMs: values["time_limit.default"], maxMs: values["time_limit.max"] },
    retries: { max: values["retries.max"], delayMs: values["retries.delay_seconds"] * 1000 },
    directoryRoots: values["stores.directory.roots"],
    network: { allow: values["stores.network.allow"], allowPrivate: values["stores.network.allow_private"] },
    storeRetry: {
      attempts: values["stores.retry.attempts"],
      firstDelayMs: 500,
      maxDelayMs: values["stores.retry.max_delay_seconds"] * 1000,
    },
    cacheMaxBytes: values["cache.max_bytes"],
    transfer: {
      requests: values["transfer.requests"],
      requestsPerStore: values["transfer.requests_per_store"],
      bytesPerSecond: values["transfer.bytes_per_second"],
    },
    logMaxBytes: values["logs.max_bytes"],
    limits: {
      manifestBytes: values["limits.manifest_bytes"],
      definitionBytes: values["limits.definition_bytes"],
      unpackedBytes: values["limits.unpacked_bytes"],
      unpackedEntries: values["limits.unpacked_entries"],
    },
    builds: {
      mode: values["builds.mode"],
      timeLimitMs: values["builds.time_limit_minutes"] * 60_000,
      recipes: values["builds.recipes"],
    },
    environments: values.environments,
  };
}

export interface SettingDescription {
  readonly key: SettingKey;
  /** Null where only the file can say it. */
  readonly env: string | null;
  readonly type: string;
  readonly default: string;
  readonly meaning: string;
  readonly example: string;
}

/** What the reference says of every setting. */
export function settingKeys(): readonly SettingDescription[] {
  return SETTING_KEYS.map((key) => {
    const { type, meaning, example, fromText, default: text } = SETTINGS[key];
    return { key, env: fromText === null ? null : variableOf(key), type, default: text, meaning, example };
  });
}
