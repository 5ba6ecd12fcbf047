import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * The configuration file: the flag, else TRAINYARD_CONFIG, else `trainyard.yaml` in the home where there is one.
 * A file that was named is given back also when it is not there, for its reader to say so.
 */
export function findConfigurationFile(home: string, flag: string | undefined, env: Variables): string | null {
  const named = given(flag) ?? given(env["TRAINYARD_CONFIG"]);
  if (named !== undefined) return resolve(named);
  const usual = join(home, "trainyard.yaml");
  return existsSync(usual) ? usual : null;
}

function given(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
