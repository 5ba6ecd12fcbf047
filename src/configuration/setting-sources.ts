import { parseDocument } from "yaml";
import type { z } from "zod";
import { nearest } from "../base/nearest.ts";
import type { ConfigurationFile } from "./configuration-file.ts";
import { show } from "./configuration-problem.ts";
import type { ConfigurationProblem } from "./configuration-problem.ts";
import { EnvironmentEntry, RecipeEntry } from "./environment-entry.ts";
import { variableOf } from "./setting.ts";
import { SETTINGS, SETTING_KEYS } from "./setting-table.ts";
import type { SettingKey } from "./setting-table.ts";

export interface SettingSources {
  /** Null: there is no file. */
  readonly file: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Texts by dotted key, from the command line. */
  readonly flags: Readonly<Partial<Record<SettingKey, string>>>;
}

/** A value that one source gives, and how to say where it is wrong. */
interface Given {
  readonly value: unknown;
  problem(part: readonly PropertyKey[], what: "key" | "value", message: string, hint: string): ConfigurationProblem;
}

/** What the strongest source says about a setting; the default where none says anything. */
export function givenFor(key: SettingKey, sources: SettingSources, file: ConfigurationFile | null): Given {
  const { fromText } = SETTINGS[key];
  const flag = sources.flags[key];
  if (flag !== undefined && fromText !== null)
    return textFrom(fromText(flag), key, `--${key.replaceAll(/[._]/g, "-")}`);
  const variable = variableOf(key);
  const text = sources.env[variable];
  // An empty variable is how shells and unit files leave one out.
  if (text !== undefined && text !== "" && fromText !== null) return textFrom(fromText(text), key, variable);
  if (file?.values.has(key) === true) {
    return { value: file.values.get(key), problem: (...facts) => file.problemAt(key, ...facts) };
  }
  return textFrom(parseDocument(SETTINGS[key].default).toJS(), key, "default");
}

function textFrom(value: unknown, key: SettingKey, place: string): Given {
  const problem: Given["problem"] = (part, _what, message, hint) => ({
    message,
    hint,
    key: [key, ...part.map(String)].join("."),
    place,
    file: null,
    line: null,
    column: null,
  });
  return { value, problem };
}

/** Why a value was refused, as sentences at their places. */
export function problemsOf(key: SettingKey, given: Given, issue: z.core.$ZodIssue): readonly ConfigurationProblem[] {
  const name = [key, ...issue.path.map(String)].join(".");
  if (issue.code === "unrecognized_keys") {
    const entry = key === "builds.recipes" ? RecipeEntry : EnvironmentEntry;
    const known = Object.keys(entry.unwrap().shape);
    return issue.keys.map((wrong) => {
      const near = nearest(wrong, known);
      const hint = near === undefined ? `The fields are: ${known.join(", ")}.` : `Did you mean '${near}'?`;
      return given.problem([...issue.path, wrong], "key", `There is no field '${name}.${wrong}'.`, hint);
    });
  }
  const expected = issue.code === "invalid_key" ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  const found = issue.path.reduce<unknown>(
    (value, step) => (value as Record<PropertyKey, unknown> | undefined)?.[step],
    given.value,
  );
  const fact = found === undefined ? "is missing" : `is ${show(found)}`;
  // What programs are given in `env` may be a secret.
  const shown = issue.path.includes("env") ? "is not" : fact;
  return [
    given.problem(
      issue.path,
      "value",
      `'${name}' must be ${expected}, and ${shown}.`,
      `For example: ${key}: ${SETTINGS[key].example}`,
    ),
  ];
}

/**
 * Variables with our prefix that are nearly a setting's. Others are left alone: a cluster sets names such as
 * TRAINYARD_SERVICE_HOST by itself.
 */
export function misspelledVariables(env: SettingSources["env"]): readonly ConfigurationProblem[] {
  const prefix = "TRAINYARD_";
  const known = SETTING_KEYS.map((key) => variableOf(key).slice(prefix.length));
  return Object.keys(env).flatMap((variable) => {
    if (!variable.startsWith(prefix)) return [];
    const written = variable.slice(prefix.length);
    const near = known.includes(written) ? undefined : nearest(written, known);
    if (near === undefined) return [];
    const place = { key: "", place: variable, file: null, line: null, column: null };
    return [{ message: `There is no setting '${variable}'.`, hint: `Did you mean '${prefix}${near}'?`, ...place }];
  });
}
