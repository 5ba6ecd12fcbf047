import { z } from "zod";
import { EnvironmentEntry, RecipeEntry } from "./environment-entry.ts";
import { asBoolean, asList, asNumber, asText, setting } from "./setting.ts";
import { Listen, Networks, Roots, TimeLimit, number, orWord, wholeNumber } from "./setting-schemas.ts";

const GIBIBYTE = 1_073_741_824;

/** Every setting there is, in the order of the reference. */
export const SETTINGS = {
  listen: setting({
    type: "HOST:PORT",
    schema: Listen,
    default: "127.0.0.1:7878",
    example: "127.0.0.1:7878",
    meaning:
      "Where the server takes requests. Port 0 picks a free one, which `server.json` in the home then names. With anything but a loopback address, other machines can reach the service; they need a token.",
    fromText: asText,
  }),
  "log.level": setting({
    type: "debug, info, warn or error",
    schema: z.enum(["debug", "info", "warn", "error"], { error: "debug, info, warn or error" }),
    default: "info",
    example: "debug",
    meaning: "How much the server's own log tells. It never tells a credential.",
    fromText: asText,
  }),
  "retention.days": setting({
    type: "number or forever",
    schema: orWord(
      z.number().positive().max(36_500),
      "forever",
      "a number of days above 0 and up to 36500, or the word forever",
    ),
    default: "7",
    example: "forever",
    meaning:
      "How long the details of a run are kept after its end; then its history and its run directory are removed. A run that has not ended is never removed, and nothing in a bucket ever is.",
    fromText: asNumber,
  }),
  "delete.undo_minutes": setting({
    type: "number",
    schema: number(0, 527_040),
    default: "60",
    example: "1440",
    meaning:
      "How long the deletion of a run can be taken back with `trainyard undelete`; until then its run directory stays on the disk. 0 removes it at once.",
    fromText: asNumber,
  }),
  "devices.cpu_slots": setting({
    type: "number or auto",
    schema: orWord(wholeNumber(1, 1024), "auto", "a whole number from 1 to 1024, or the word auto"),
    default: "auto",
    example: "8",
    meaning:
      "How many devices a machine without GPU offers. `auto` is one for each core, and at least 4 so that every size of run has a place.",
    fromText: asNumber,
  }),
  "stop.grace_seconds": setting({
    type: "number",
    schema: number(0, 3600),
    default: "30",
    example: "120",
    meaning: "How long a program may go on after it was asked to stop, where the request does not say.",
    fromText: asNumber,
  }),
  "results.give_up_minutes": setting({
    type: "number",
    schema: number(0, 10_080),
    default: "60",
    example: "720",
    meaning:
      "How long the server tries to store the results of a run whose bucket stays away. Then the run ends with its results on the server, and `trainyard results retry` stores them later. Each server that takes the run over tries that long.",
    fromText: asNumber,
  }),
  "time_limit.default": setting({
    type: "time or none",
    schema: TimeLimit,
    default: "none",
    example: "12h",
    meaning:
      "How long the program of one attempt may run where its manifest does not say: 90m, 1h30m, 2d, 1-12:00:00. With `none` it is as long as `time_limit.max`. Counts for runs that are submitted from then on.",
    fromText: asText,
  }),
  "time_limit.max": setting({
    type: "time or none",
    schema: TimeLimit,
    default: "none",
    example: "7d",
    meaning:
      "The longest time limit that a manifest may ask for; one that asks for more is refused. Runs that ask for none get the default, and never more than this.",
    fromText: asText,
  }),
  "retries.max": setting({
    type: "number",
    schema: wholeNumber(0, 10),
    default: "10",
    example: "3",
    meaning: "How many retries a manifest may ask for; one that asks for more is refused.",
    fromText: asNumber,
  }),
  "retries.delay_seconds": setting({
    type: "number",
    schema: number(0, 600),
    default: "10",
    example: "60",
    meaning:
      "The pause before a run's second attempt, less up to a half of it so that runs that failed together do not return together. It doubles with each attempt, up to ten minutes.",
    fromText: asNumber,
  }),
  "stores.directory.roots": setting({
    type: "list of folders",
    schema: Roots,
    default: "[]",
    example: "[/srv/datasets, /mnt/results]",
    meaning:
      "Folders, with absolute paths, that manifests may name as `root` of a directory store beside the embedded one. Everybody who may submit can read and write below them.",
    fromText: asList,
  }),
  "stores.network.allow": setting({
    type: "list of hosts and networks",
    schema: Networks,
    default: "[]",
    example: "[minio.example.com, 10.20.0.0/16]",
    meaning:
      "Hosts and networks that runs may use as data stores although they are private. Addresses that give out machine credentials (169.254.0.0/16 and the like) are refused whatever stands here.",
    fromText: asList,
  }),
  "stores.network.allow_private": setting({
    type: "true, false or auto",
    schema: orWord(z.boolean(), "auto", "true, false or auto"),
    default: "auto",
    example: "true",
    meaning:
      "Whether runs may use data stores at any private or loopback address. `auto` allows it only while the server itself listens on a loopback address.",
    fromText: asBoolean,
  }),
  "stores.retry.attempts": setting({
    type: "number",
    schema: wholeNumber(1, 20),
    default: "6",
    example: "10",
    meaning: "How often a request to a data store is tried, the first time included, before the run fails for it.",
    fromText: asNumber,
  }),
  "stores.retry.max_delay_seconds": setting({
    type: "number",
    schema: number(0.1, 600),
    default: "30",
    example: "60",
    meaning: "The longest pause between two tries; pauses begin at half a second and double.",
    fromText: asNumber,
  }),
  "cache.max_bytes": setting({
    type: "number or auto",
    schema: orWord(wholeNumber(0, Number.MAX_SAFE_INTEGER), "auto", "a whole number from 0 up, or the word auto"),
    default: "auto",
    example: "500000000000",
    meaning:
      "How much training data is kept for the runs to come; what has not been used for longest goes first. What a live run uses stays whatever this says. `auto` is half of the space that is free, or taken by the cache already, when the server starts; 0 keeps nothing.",
    fromText: asNumber,
  }),
  "transfer.requests": setting({
    type: "number",
    schema: wholeNumber(1, 1024),
    default: "64",
    example: "128",
    meaning:
      "How many requests for objects are under way at once, of all runs together; runs that wait are served in turn.",
    fromText: asNumber,
  }),
  "transfer.requests_per_store": setting({
    type: "number",
    schema: wholeNumber(1, 1024),
    default: "32",
    example: "8",
    meaning:
      "How many of these go to one bucket. Fewer spare an old store; more help where a store takes long to answer.",
    fromText: asNumber,
  }),
  "transfer.bytes_per_second": setting({
    type: "number or unlimited",
    schema: orWord(
      wholeNumber(1000, Number.MAX_SAFE_INTEGER),
      "unlimited",
      "a whole number from 1000 up, or the word unlimited",
    ),
    default: "unlimited",
    example: "100000000",
    meaning: "How many bytes of training data are brought in a second, for all runs together.",
    fromText: asNumber,
  }),
  "logs.max_bytes": setting({
    type: "number or unlimited",
    schema: orWord(
      wholeNumber(1_048_576, Number.MAX_SAFE_INTEGER),
      "unlimited",
      "a whole number from 1048576 up, or the word unlimited",
    ),
    default: String(GIBIBYTE),
    example: "10737418240",
    meaning:
      "How much of the log of each learner is kept. Of one that grows beyond it the middle is dropped, with a line that says how much; beginning and end stay, and the program is never held up.",
    fromText: asNumber,
  }),
  "limits.manifest_bytes": setting({
    type: "number",
    schema: wholeNumber(1000, 1_000_000),
    default: "1000000",
    example: "100000",
    meaning: "How large a manifest may be.",
    fromText: asNumber,
  }),
  "limits.definition_bytes": setting({
    type: "number",
    schema: wholeNumber(1000, 1024 * GIBIBYTE),
    default: String(GIBIBYTE),
    example: "104857600",
    meaning: "How large the ZIP of a model definition may be.",
    fromText: asNumber,
  }),
  "limits.unpacked_bytes": setting({
    type: "number",
    schema: wholeNumber(1000, 1024 * GIBIBYTE),
    default: String(2 * GIBIBYTE),
    example: "10737418240",
    meaning: "How large all files of a model definition together may be once they are unpacked.",
    fromText: asNumber,
  }),
  "limits.unpacked_entries": setting({
    type: "number",
    schema: wholeNumber(1, 1_000_000),
    default: "20000",
    example: "50000",
    meaning: "How many files and folders a model definition may hold.",
    fromText: asNumber,
  }),
  "builds.mode": setting({
    type: "auto or off",
    schema: z.enum(["auto", "off"], { error: "auto or off" }),
    default: "auto",
    example: "off",
    meaning:
      "Whether an environment that is not on this machine is built from a package index when a run first asks for it. `auto` does so where there is uv or pip; `off` never does.",
    fromText: asText,
  }),
  "builds.time_limit_minutes": setting({
    type: "number",
    schema: number(0.01, 1440),
    default: "30",
    example: "120",
    meaning: "How long each step of a build may take: asking the index, installing, the first import.",
    fromText: asNumber,
  }),
  "builds.recipes": setting({
    type: "list of recipes",
    schema: z.array(RecipeEntry, { error: "a list of recipes" }),
    default: "[]",
    example: "[{framework: tensorflow, requirements: ['tensorflow{version}', tf-keras], module: tensorflow}]",
    meaning:
      "What to install for a framework, in place of or beside the recipes that are built in. The fields of a recipe are below. Only the file can say it.",
    fromText: null,
  }),
  environments: setting({
    type: "list of environments",
    schema: z.array(EnvironmentEntry, { error: "a list of environments" }),
    default: "[]",
    example: "[{framework: tensorflow, version: 1.15.5, aliases: [1.2-py3], python: /opt/tf1/bin/python}]",
    meaning:
      "Places to run programs in, beside those that are found by themselves. The fields of an entry are below. Only the file can say it.",
    fromText: null,
  }),
} as const;

export type SettingKey = keyof typeof SETTINGS;
export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

export type SettingValues = { readonly [Key in SettingKey]: z.output<(typeof SETTINGS)[Key]["schema"]> };

export function isSettingKey(key: string): key is SettingKey {
  return Object.hasOwn(SETTINGS, key);
}
