import { Argument, Option } from "@commander-js/extra-typings";
import { wrongUse } from "../cli-error.ts";
import { say, type Context } from "../context.ts";
import { readProfiles, saveProfiles, type CredentialProfile } from "../credential-profiles.ts";
import { outputOption, type Program } from "../options.ts";
import { printData, type DataFormat } from "../output/format.ts";
import { formatTable } from "../output/table.ts";

interface Keys {
  readonly type: "s3" | "swift";
  readonly endpoint?: string | undefined;
  readonly user?: string | undefined;
  readonly region?: string | undefined;
  readonly domain?: string | undefined;
  readonly project?: string | undefined;
}

export function addCredentials(program: Program, context: Context): void {
  program
    .command("credentials")
    .summary("keep the keys of data stores out of manifests")
    .description(
      "Keep the keys of a data store under a name, for manifests that say `connection: {profile: NAME}`. They stay in a " +
        "file on this machine that only you can read, and go into a manifest when it is sent. The secret is asked for, " +
        "or read from stdin; it is never an argument.",
    )
    .addArgument(new Argument("<action>", "add, list or remove").choices(["add", "list", "remove"]))
    .argument("[name]", "the profile's name")
    .addOption(new Option("--type <type>", "the kind of data store").choices(["s3", "swift"]).default("s3"))
    .option("--endpoint <url>", "the address: of S3 the endpoint, of Swift the identity service")
    .option("--user <id>", "of S3 the access key's id, of Swift the user's name")
    .option("--region <region>", "the region, where the store wants one")
    .option("--domain <name>", "of Swift: the user's domain")
    .option("--project <id>", "of Swift: the project's id")
    .addOption(outputOption("table", "json", "yaml", "name"))
    .action(async (action, name, options) => {
      if (action === "list") return await printProfiles(context, options.output);
      if (name === undefined)
        throw wrongUse(`Which profile shall I ${action}?`, `Write: trainyard credentials ${action} NAME`);
      if (action === "remove") return await removeProfile(context, name);
      return await addProfile(context, name, options);
    });
}

async function addProfile(context: Context, name: string, keys: Keys): Promise<void> {
  const { io } = context;
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) {
    throw wrongUse(`'${name}' cannot be a profile's name.`, "Use letters, digits, '.', '_' and '-', at most 64.");
  }
  const withoutSecret = profileOf(keys);
  const what = keys.type === "s3" ? "the secret of the access key" : "the user's password";
  const secret = (await io.readSecret(`${what[0]?.toUpperCase()}${what.slice(1)}: `)).replace(/\r?\n$/, "");
  if (secret.trim() === "") throw wrongUse(`There was no secret on stdin.`, `Type or pipe ${what}.`);
  const profile = { ...withoutSecret, [keys.type === "s3" ? "aws_secret_access_key" : "password"]: secret };
  const profiles = await readProfiles(io);
  const file = await saveProfiles(io, new Map([...profiles, [name, profile]]));
  await say(context, `${profiles.has(name) ? "Replaced" : "Added"} the profile ${name}; it is kept in ${file}.`);
  await say(context, `Name it in a manifest: connection: {profile: ${name}}`);
}

function profileOf({ type, endpoint, user, region, domain, project }: Keys): CredentialProfile {
  if (endpoint === undefined || user === undefined) {
    const missing = endpoint === undefined ? "--endpoint" : "--user";
    throw wrongUse(`A profile needs ${missing}.`, "Write: trainyard credentials add NAME --endpoint URL --user ID");
  }
  if (type === "s3" && (domain !== undefined || project !== undefined)) {
    throw wrongUse("S3 has neither --domain nor --project.", "Leave them out, or write --type swift.");
  }
  const keys =
    type === "s3"
      ? { type, endpoint_url: endpoint, aws_access_key_id: user, region }
      : { type, auth_url: endpoint, user_name: user, region, domain_name: domain, project_id: project };
  return Object.fromEntries(Object.entries(keys).filter((pair): pair is [string, string] => pair[1] !== undefined));
}

async function removeProfile(context: Context, name: string): Promise<void> {
  const profiles = await readProfiles(context.io);
  if (!profiles.has(name)) {
    const names = [...profiles.keys()].join(", ");
    throw wrongUse(`There is no profile '${name}'.`, names === "" ? "None is kept here." : `Kept here: ${names}.`);
  }
  await saveProfiles(context.io, new Map([...profiles].filter(([kept]) => kept !== name)));
  await say(context, `Removed the profile ${name}.`);
}

/** What a profile is, without its secret. */
interface ShownProfile {
  readonly name: string;
  readonly type: string;
  readonly endpoint: string;
  readonly user: string;
  readonly region: string | null;
}

async function printProfiles(context: Context, format: DataFormat): Promise<void> {
  const profiles = [...(await readProfiles(context.io))].map(([name, keys]) => shown(name, keys));
  await printData(context.io, format, profiles, {
    table: () =>
      formatTable(
        [
          { title: "NAME", value: ({ name }: ShownProfile) => name },
          { title: "TYPE", value: ({ type }) => type },
          { title: "ENDPOINT", value: ({ endpoint }) => endpoint },
          { title: "USER", value: ({ user }) => user },
        ],
        profiles,
      ),
    name: () => profiles.map(({ name }) => `${name}\n`).join(""),
  });
  if (format === "table" && profiles.length === 0) await say(context, "No profiles.");
}

function shown(name: string, keys: CredentialProfile): ShownProfile {
  return {
    name,
    type: keys["type"] ?? "",
    endpoint: keys["endpoint_url"] ?? keys["auth_url"] ?? "",
    user: keys["aws_access_key_id"] ?? keys["user_name"] ?? "",
    region: keys["region"] ?? null,
  };
}
