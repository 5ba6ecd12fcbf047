import { RemoteError } from "../remote-error.ts";
import type { HttpClient } from "../http-client.ts";
import { loginToKeystone } from "./keystone.ts";
import { translateOutcome, translateTrouble } from "./swift-errors.ts";
import type { Grant, Login } from "./swift-session.ts";

export interface SwiftConnection {
  readonly authUrl: string;
  readonly region: string | null;
  readonly domainName: string | null;
  readonly projectId: string | null;
  readonly userName: string;
  readonly password: string;
}

/**
 * Keystone v3 where the project, the user's domain and the region are all named; else auth v1, as SoftLayer had it.
 * An address that names its version decides by itself.
 */
export function chooseLogin(client: HttpClient, connection: SwiftConnection): Login {
  const { authUrl, region, domainName, projectId } = connection;
  const what = `The login at ${new URL(authUrl).origin} failed`;
  const missing = Object.entries({ project_id: projectId, domain_name: domainName, region })
    .filter(([, value]) => value === null)
    .map(([name]) => name);
  const isV3 = authUrl.endsWith("/v3") || (missing.length === 0 && !/\/v1(\.0)?$/.test(authUrl));
  const login = async (signal: AbortSignal): Promise<Grant> => {
    if (!isV3) return loginToV1(client, connection, what, missing, signal);
    if (projectId === null || domainName === null) throw incomplete(what, missing);
    return loginToKeystone(client, { ...connection, projectId, domainName }, what, signal);
  };
  return async (signal) => {
    try {
      return await login(signal);
    } catch (error) {
      if (signal.aborted) {
        throw new RemoteError("unreachable", `${what}: it did not answer in time.`, { retryable: true });
      }
      throw translateTrouble(error, what);
    }
  };
}

function incomplete(what: string, missing: readonly string[]): RemoteError {
  const fact = `the connection does not have ${missing.join(", ")}, which Keystone v3 needs`;
  return new RemoteError("denied", `${what}: ${fact}.`, { retryable: false });
}

/** One request: the answer's headers name the token and the address of the account. */
async function loginToV1(
  client: HttpClient,
  connection: SwiftConnection,
  what: string,
  missing: readonly string[],
  signal: AbortSignal,
): Promise<Grant> {
  const { authUrl, userName, password } = connection;
  const endpoint = client.endpoint(authUrl, "The address 'auth_url'");
  const path = /\/v1(\.0)?$/.test(endpoint.path) ? "" : "/auth/v1.0";
  const headers = { "x-auth-user": userName, "x-auth-key": password };
  const answer = await client.send(endpoint, { method: "GET", path, headers, isLast: true }, signal);
  await answer.discard();
  const token = answer.header("x-auth-token") ?? answer.header("x-storage-token");
  const storageUrl = answer.header("x-storage-url");
  if (answer.status < 300 && token !== undefined && storageUrl !== undefined) {
    return { token, storage: client.endpoint(storageUrl, "The address of the store that the login gave") };
  }
  const why =
    missing.length === 0 ? "" : ` (auth v1 was spoken, since the connection does not have ${missing.join(", ")})`;
  const isRefusal = answer.status === 401 || answer.status === 403;
  throw translateOutcome(answer, what, {
    ...(answer.status === 404 ? { reason: "denied", fact: `there is no auth v1 at 'auth_url'${why}` } : {}),
    ...(isRefusal ? { fact: `'user_name' or 'password' is wrong${why}` } : {}),
  });
}
