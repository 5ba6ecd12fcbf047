import { z } from "zod";
import { RemoteError } from "../remote-error.ts";
import type { Endpoint, HttpAnswer, HttpClient } from "../http-client.ts";
import { translateOutcome } from "./swift-errors.ts";
import type { Grant } from "./swift-session.ts";

export interface KeystoneUser {
  readonly authUrl: string;
  readonly userName: string;
  readonly password: string;
  /** Of the user; on Bluemix a number. */
  readonly domainName: string;
  readonly projectId: string;
  /** Null: the only one there is. */
  readonly region: string | null;
}

/** Catalogues of large clouds have a megabyte. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

const Entry = z.object({
  type: z.string(),
  endpoints: z.array(
    z.object({
      interface: z.string(),
      url: z.string(),
      region_id: z.string().nullish(),
      /** As it was called before 2014. */
      region: z.string().nullish(),
    }),
  ),
});
type Catalogue = readonly z.infer<typeof Entry>[];
const Token = z.object({ token: z.object({ catalog: z.array(Entry).default([]) }) });

/** A token for one project, and the project's object store in the region. `what` begins the sentence of an error. */
export async function loginToKeystone(
  client: HttpClient,
  user: KeystoneUser,
  what: string,
  signal: AbortSignal,
): Promise<Grant> {
  const identity = client.endpoint(v3Url(user.authUrl), "The address 'auth_url'");
  const answer = await requestToken(client, identity, user, { project: { id: user.projectId } }, signal);
  if (answer.status !== 201) {
    await answer.discard();
    throw await explainRefusal(client, identity, user, answer, what, signal);
  }
  const token = answer.header("x-subject-token");
  const read = Token.safeParse(parseJson(await answer.text(MAX_ANSWER_BYTES)));
  if (token === undefined || !read.success) throw translateOutcome(answer, what, NOT_KEYSTONE);
  const url = chooseStore(read.data.token.catalog, user.region, what);
  return { token, storage: client.endpoint(url, "The address of the store in Keystone's catalogue") };
}

const NOT_KEYSTONE = {
  reason: "denied",
  retryable: false,
  fact: "there is no Keystone v3 at 'auth_url'",
} as const;

/** Manifests have the address with and without a version, and some with the older one. */
function v3Url(authUrl: string): string {
  return `${authUrl.replace(/\/+$/, "").replace(/\/(v2\.0|v3)(\/auth\/tokens)?$/, "")}/v3`;
}

async function requestToken(
  client: HttpClient,
  identity: Endpoint,
  user: KeystoneUser,
  scope: { readonly project: { readonly id: string } } | "unscoped",
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const { userName: name, password, domainName } = user;
  const auth = {
    identity: { methods: ["password"], password: { user: { name, password, domain: { name: domainName } } } },
    scope,
  };
  const request = {
    method: "POST",
    path: "/auth/tokens",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: Buffer.from(JSON.stringify({ auth })),
    // Keystone is often behind uwsgi, which closes kept connections without saying so.
    isLast: true,
  } as const;
  return client.send(identity, request, signal);
}

/**
 * Keystone answers every wrong login with the same words. Who gets in without a project has only the project wrong:
 * that one question more saves a person from looking for the mistake in four places.
 */
async function explainRefusal(
  client: HttpClient,
  identity: Endpoint,
  user: KeystoneUser,
  answer: HttpAnswer,
  what: string,
  signal: AbortSignal,
): Promise<RemoteError> {
  if (answer.status === 404 || answer.status === 300) return translateOutcome(answer, what, NOT_KEYSTONE);
  if (answer.status === 400) {
    // Keystone looks at the form of an id before anything else; another server does not understand the whole.
    return translateOutcome(answer, what, { ...NOT_KEYSTONE, fact: `${NOT_KEYSTONE.fact}, or 'project_id' is no id` });
  }
  if (answer.status !== 401 && answer.status !== 403) return translateOutcome(answer, what);
  const unscoped = await requestToken(client, identity, user, "unscoped", signal);
  await unscoped.discard();
  const { projectId, domainName } = user;
  const fact =
    unscoped.status === 201
      ? `the user has no role in the project '${projectId}', or there is none; 'project_id' wants its id, not its name`
      : `'user_name', 'password' or 'domain_name' is wrong (the domain is '${domainName}')`;
  return translateOutcome(answer, what, { reason: "denied", retryable: false, fact });
}

function chooseStore(catalogue: Catalogue, region: string | null, what: string): string {
  const stores = catalogue
    .filter(({ type }) => type === "object-store")
    .flatMap(({ endpoints }) => endpoints.filter((endpoint) => endpoint.interface === "public"))
    .map(({ url, region_id, region: old }) => ({ url, region: region_id ?? old ?? "" }));
  const regions = [...new Set(stores.map((store) => store.region))].sort();
  const wanted = region ?? (regions.length === 1 ? regions[0] : undefined);
  const store = stores.find((each) => each.region === wanted);
  if (store !== undefined) return store.url;
  const fact =
    regions.length === 0
      ? "the project has no object store in Keystone's catalogue"
      : `${region === null ? "'region' is not named" : `there is no object store in region '${region}'`}; there is one in: ${regions.join(", ")}`;
  throw new RemoteError("denied", `${what}: ${fact}.`, { retryable: false });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Some web page: the schema says so.
  }
}
