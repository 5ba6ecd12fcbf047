import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

type Variables = Readonly<Record<string, string | undefined>>;

/** Variables of the server that a build tool may see beside those of uv and pip: where the network is, and whom to trust. */
const PASSED = /^(?:UV_|PIP_|SSL_CERT_|REQUESTS_CA_BUNDLE$|CURL_CA_BUNDLE$|NETRC$|XDG_CONFIG_|XDG_CACHE_HOME$|HOME$)/;
const PROXY = /^(?:https?|all|no)_proxy$/i;

/** These would bend the build itself: where it goes, or which Python it is for. */
const KEPT_BACK =
  /^(?:UV_(?:PROJECT|PYTHON|SYSTEM_PYTHON|TARGET|PREFIX|REQUIREMENT|CONSTRAINT|OVERRIDE|BREAK_SYSTEM|OFFLINE$|QUIET|VENV)|PIP_(?:TARGET|PREFIX|USER|REQUIRE_VIRTUALENV|REQUIREMENT|QUIET|LOG|REPORT|ROOT|PYTHON))/;

/**
 * The environment of a build: the server's own settings for package indexes, as its operator made them for uv and
 * pip. They may hold passwords. Only build tools get them, never a learner.
 */
export async function indexSettings(variables: Variables): Promise<Record<string, string>> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(variables)) {
    const isPassed = (PASSED.test(name) && !KEPT_BACK.test(name)) || PROXY.test(name);
    if (value !== undefined && isPassed) env[name] = value;
  }
  env["HOME"] ??= homedir();
  return { ...forUv(await pipSettings(env), env), ...env };
}

/** uv does not read pip's configuration. What is set for uv itself wins. */
function forUv(pip: ReadonlyMap<string, string>, env: Readonly<Record<string, string>>): Record<string, string> {
  const given: Record<string, string> = {};
  const take = (setting: string, ...names: readonly [string, ...string[]]): void => {
    const value = pip.get(setting)?.trim();
    if (value !== undefined && value !== "" && !names.some((name) => env[name] !== undefined)) given[names[0]] = value;
  };
  take("index-url", "UV_DEFAULT_INDEX", "UV_INDEX_URL");
  take("extra-index-url", "UV_INDEX", "UV_EXTRA_INDEX_URL");
  take("trusted-host", "UV_INSECURE_HOST");
  take("cert", "SSL_CERT_FILE");
  const links = (pip.get("find-links") ?? "").split(/\s+/).filter((link) => /^\w+:\/\//.test(link) || existsSync(link));
  // pip passes over a folder that is not there, uv ends.
  if (links.length > 0 && env["UV_FIND_LINKS"] === undefined) given["UV_FIND_LINKS"] = links.join(",");
  if (/^(?:1|true|yes|on)$/i.test(pip.get("no-index") ?? "")) given["UV_NO_INDEX"] = "1";
  return given;
}

/** pip's settings by their long names: the files from the machine's to the user's, then the variables. */
async function pipSettings(env: Readonly<Record<string, string>>): Promise<ReadonlyMap<string, string>> {
  const settings = new Map<string, string>();
  for (const path of pipFiles(env)) {
    for (const [key, value] of readIni(await readFile(path, "utf8").catch(() => ""))) settings.set(key, value);
  }
  for (const [name, value] of Object.entries(env)) {
    if (name.startsWith("PIP_")) settings.set(name.slice(4).toLowerCase().replaceAll("_", "-"), value);
  }
  return settings;
}

function pipFiles(env: Readonly<Record<string, string>>): readonly string[] {
  const home = env["HOME"] ?? "/";
  const config = env["XDG_CONFIG_HOME"] ?? join(home, ".config");
  const shared = (env["XDG_CONFIG_DIRS"] ?? "/etc/xdg").split(":").map((folder) => join(folder, "pip/pip.conf"));
  const named = env["PIP_CONFIG_FILE"];
  return [
    ...shared,
    "/etc/pip.conf",
    join(home, ".pip/pip.conf"),
    join(config, "pip/pip.conf"),
    ...(named === undefined ? [] : [named]),
  ];
}

/** The sections that concern downloads; a value may go on in indented lines. */
function readIni(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  let isRead = false;
  let last = "";
  for (const line of text.split(/\r?\n/)) {
    const section = /^\[(\S+)\]/.exec(line)?.[1];
    const [, key, value] = /^([A-Za-z][\w-]*)\s*[=:]\s*(.*)$/.exec(line) ?? [];
    if (section !== undefined) isRead = section === "global" || section === "install" || section === "download";
    else if (!isRead || /^\s*[#;]/.test(line) || line.trim() === "") continue;
    else if (key !== undefined) values.set((last = key.toLowerCase().replaceAll("_", "-")), value ?? "");
    else if (/^\s/.test(line) && last !== "") values.set(last, `${values.get(last) ?? ""} ${line.trim()}`);
  }
  return values;
}

/** The same line without passwords in addresses. */
export function withoutPasswords(line: string): string {
  return line.replaceAll(/\/\/[^/@\s'"`]+@/g, "//***@");
}
