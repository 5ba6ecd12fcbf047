import { expect, test } from "vitest";
import { authenticate } from "./authenticate.ts";
import { hashToken, makeToken } from "./tokens.ts";

function makeAccounts() {
  const tokens = { admin: makeToken(), erika: makeToken() };
  const accounts = new Map(Object.entries(tokens).map(([account, token]) => [hashToken(token), { account }]));
  return { tokens, findToken: async (sha256: string) => accounts.get(sha256) };
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

test("a bearer token names its account, however the scheme is spelled", async () => {
  const { tokens, findToken } = makeAccounts();
  for (const scheme of ["Bearer", "bearer", "BEARER", "bEaReR"]) {
    expect(await authenticate(`${scheme} ${tokens.erika}`, findToken)).toEqual({ account: "erika", role: "member" });
  }
  expect(await authenticate(`Bearer ${tokens.admin}`, findToken)).toEqual({ account: "admin", role: "admin" });
});

test("Basic takes the token as the password of any user", async () => {
  const { tokens, findToken } = makeAccounts();
  for (const user of ["", "token", "erika", "someone@example.com"]) {
    expect(await authenticate(basic(user, tokens.erika), findToken)).toMatchObject({ account: "erika" });
  }
});

test.each([
  [undefined, /carries no token/],
  ["", /carries no token/],
  ["   ", /carries no token/],
  ["Bearer", /not a scheme and a token/],
  ["Bearer a b", /not a scheme and a token/],
  ["Digest abc", /scheme that is not used here/],
  ["Basic bm9jb2xvbg==", /have no password/],
  ["Bearer tyd_wrong", /not known/],
  [basic("erika", ""), /not known/],
])("the header %j is refused with what is wrong", async (header, fact) => {
  const { findToken } = makeAccounts();
  await expect(authenticate(header, findToken)).rejects.toMatchObject({
    kind: "unauthenticated",
    code: "not_authenticated",
    message: expect.stringMatching(fact),
  });
});

test("a refusal never repeats what was sent", async () => {
  const { findToken } = makeAccounts();
  for (const header of ["Bearer canary", "canary canary", "Digest canary", basic("canary", "canary")]) {
    const error = await authenticate(header, findToken).catch((reason: unknown) => reason as Error);
    expect(`${(error as Error).message} ${(error as Error).stack}`).not.toMatch(/canary/);
  }
});
