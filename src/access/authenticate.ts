import { notAuthenticated } from "../domain/errors.ts";
import { ADMIN_ACCOUNT, hashToken } from "./tokens.ts";

/** Who acts. */
export interface Principal {
  readonly account: string;
  /** An admin may do everything to every run; a member what belongs to the own account. */
  readonly role: "admin" | "member";
}

/** Finds a token by its SHA-256; the store's `findToken` is one. */
export type FindToken = (sha256: string) => Promise<{ readonly account: string } | undefined>;

/**
 * The principal of an `Authorization` header, or `not_authenticated`. Takes `Bearer TOKEN`, and `Basic` with the
 * token as the password and any user name, which is what clients of 2017 can send.
 *
 * The token is looked up by its hash, so the time an answer takes tells nothing about tokens that are nearly right.
 */
export async function authenticate(header: string | undefined, findToken: FindToken): Promise<Principal> {
  if (header === undefined || header.trim() === "") throw notAuthenticated("The request carries no token.");
  const record = await findToken(hashToken(tokenOfHeader(header.trim())));
  if (record === undefined) throw notAuthenticated("The token is not known here.");
  return { account: record.account, role: record.account === ADMIN_ACCOUNT ? "admin" : "member" };
}

/** Throws `not_authenticated` unless the header brings the token that the run's own program was given. */
export function authenticateProgram(
  header: string | undefined,
  runId: string,
  isTokenFor: (runId: string, token: string) => boolean,
): void {
  if (header === undefined || header.trim() === "") throw notAuthenticated("The request carries no token.");
  if (!isTokenFor(runId, tokenOfHeader(header.trim()))) {
    throw notAuthenticated(`The token is not the one that the program of run '${runId}' was given.`);
  }
}

function tokenOfHeader(header: string): string {
  const [scheme = "", credentials, ...rest] = header.split(/ +/);
  if (credentials === undefined || rest.length > 0) {
    throw notAuthenticated("The Authorization header is not a scheme and a token.");
  }
  switch (scheme.toLowerCase()) {
    case "bearer":
      return credentials;
    case "basic":
      return passwordOf(credentials);
    default:
      throw notAuthenticated("The Authorization header has a scheme that is not used here.");
  }
}

/** What follows the first colon, as RFC 7617 has it. */
function passwordOf(credentials: string): string {
  const text = Buffer.from(credentials, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 0) throw notAuthenticated("The Basic credentials have no password; the token goes there.");
  return text.slice(colon + 1);
}
