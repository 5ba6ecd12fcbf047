import { expect, test } from "vitest";
import { second } from "./sample-runs.ts";
import type { OpenStore } from "./store-bundle.ts";

export function describeTokens(open: OpenStore): void {
  const token = { sha256: "1".repeat(64), account: "admin", name: "laptop", createdAt: second(1) };

  test("a token is found by its hash, also after it was saved again and the store was opened again", async () => {
    await using bundle = await open();
    await bundle.store.saveToken(token);
    await bundle.store.saveToken({ ...token, createdAt: second(2) });
    expect(await bundle.store.findToken(token.sha256)).toEqual(token);
    expect(await bundle.store.findToken("2".repeat(64))).toBeUndefined();
    expect(await (await bundle.reopen()).findToken(token.sha256)).toEqual(token);
  });

  test("a new token takes the place of the one with the same account and name, and of no other", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const others = [
      { ...token, sha256: "2".repeat(64), name: "server" },
      { ...token, sha256: "3".repeat(64), account: "erika" },
    ];
    for (const one of [token, ...others, { ...token, sha256: "4".repeat(64) }]) await store.saveToken(one);
    expect(await store.findToken(token.sha256)).toBeUndefined();
    for (const one of others) expect(await store.findToken(one.sha256)).toEqual(one);
    expect(await store.findToken("4".repeat(64))).toMatchObject({ name: "laptop" });
  });
}
