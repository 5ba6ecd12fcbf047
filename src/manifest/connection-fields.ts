import type { Connection } from "../domain/training-spec.ts";
import type { Field, FieldTable } from "./field-table.ts";

export type StoreType = Connection["type"];

/** What manifests write for `type`, and the store that answers to it. */
export const STORE_TYPES: Readonly<Record<string, StoreType>> = {
  directory: "directory",
  s3: "s3",
  s3_datastore: "s3",
  mount_cos: "s3",
  bluemix_objectstore: "swift",
  swift_datastore: "swift",
  softlayer_objectstore: "swift",
  mount_volume: "directory",
};

/** The spelling of each store's type that we print. */
export const CANONICAL_TYPES: Readonly<Record<StoreType, string>> = {
  directory: "directory",
  s3: "s3",
  swift: "bluemix_objectstore",
};

/** What any connection may have besides its own keys. */
const TYPE: Field = { type: "text", required: false, meaning: "the type of the data store, here as well" };
const PROFILE: Field = {
  type: "text",
  required: false,
  meaning: "a credential profile; its keys take its place before the manifest leaves the submitter's machine",
};
/** As the translated pages show the word. */
const PASSWORD_TRANSLATIONS = ["passwort", "kennwort", "비밀번호", "암호", "senha", "contraseña", "mot de passe"];

export const DIRECTORY_CONNECTION: FieldTable<"root" | "type" | "name"> = {
  path: "connection",
  isConnection: true,
  fields: {
    root: {
      type: "text",
      required: false,
      meaning: "the absolute path of the folder that holds the buckets; the operator must have allowed it",
      aliases: ["path"],
    },
    type: { ...TYPE, meaning: "`host_mount`, as FfDL's `mount_volume` has it" },
    name: { type: "text", required: false, meaning: "a name for people" },
  },
};

export const S3_CONNECTION: FieldTable<
  "endpoint_url" | "aws_access_key_id" | "aws_secret_access_key" | "region" | "type" | "profile"
> = {
  path: "connection",
  isConnection: true,
  fields: {
    endpoint_url: {
      type: "text",
      required: true,
      meaning: "the address of the S3 service; without a scheme it is https",
      aliases: ["auth_url", "endpoint"],
    },
    aws_access_key_id: {
      type: "text",
      required: true,
      meaning: "the id of the access key",
      aliases: ["access_key_id", "user_name", "userId"],
    },
    aws_secret_access_key: {
      type: "text",
      required: true,
      meaning: "the secret of the access key",
      aliases: ["secret_access_key", "password"],
      translations: PASSWORD_TRANSLATIONS,
    },
    region: { type: "text", required: false, meaning: "the region, where the service wants one" },
    type: TYPE,
    profile: PROFILE,
  },
};

const NOT_NEEDED = "the connection does not need it";

export const SWIFT_CONNECTION: FieldTable<
  | "auth_url"
  | "user_name"
  | "password"
  | "region"
  | "domain_name"
  | "project_id"
  | "project"
  | "domainId"
  | "role"
  | "type"
  | "profile"
> = {
  path: "connection",
  isConnection: true,
  fields: {
    auth_url: {
      type: "text",
      required: true,
      meaning: "the address of the identity service; one that ends in /auth/v1.0 is SoftLayer's older kind",
    },
    user_name: {
      type: "text",
      required: true,
      meaning: "the user's name",
      aliases: ["username"],
      // SoftLayer's word for it; Bluemix's service credentials have it too, beside `username` and for something else.
      fallback: "userId",
    },
    password: {
      type: "text",
      required: true,
      meaning: "the user's password",
      translations: PASSWORD_TRANSLATIONS,
    },
    region: { type: "text", required: false, meaning: "the region" },
    domain_name: { type: "text", required: false, meaning: "the domain of the user", aliases: ["domainName"] },
    project_id: { type: "text", required: false, meaning: "the id of the project", aliases: ["projectId"] },
    project: { type: "any", required: false, meaning: "part of the service credentials", ignored: NOT_NEEDED },
    domainId: { type: "any", required: false, meaning: "part of the service credentials", ignored: NOT_NEEDED },
    role: { type: "any", required: false, meaning: "part of the service credentials", ignored: NOT_NEEDED },
    type: TYPE,
    profile: PROFILE,
  },
};

export const CONNECTION_TABLES: Readonly<Record<StoreType, FieldTable>> = {
  directory: DIRECTORY_CONNECTION,
  s3: S3_CONNECTION,
  swift: SWIFT_CONNECTION,
};
