import { expect, test } from "vitest";
import { TokenMemory } from "./token-memory.ts";

function tokenOf(account: string) {
  return { sha256: "a".repeat(64), account, name: "laptop", createdAt: new Date(0) };
}

test("a token is read once, and again after a write", async () => {
  const memory = new TokenMemory();
  let reads = 0;
  const read = async () => tokenOf(`reader ${(reads += 1)}`);
  await memory.find("a", read);
  expect(await memory.find("a", read)).toMatchObject({ account: "reader 1" });
  memory.forgetAll();
  expect(await memory.find("a", read)).toMatchObject({ account: "reader 2" });
});

test("what was read while somebody wrote is not remembered", async () => {
  const memory = new TokenMemory();
  const reading = Promise.withResolvers<ReturnType<typeof tokenOf>>();
  const first = memory.find("a", async () => reading.promise);
  memory.forgetAll();
  reading.resolve(tokenOf("old"));
  expect(await first).toMatchObject({ account: "old" });
  expect(await memory.find("a", async () => tokenOf("new"))).toMatchObject({ account: "new" });
});

test("a token that is not there is looked for again", async () => {
  const memory = new TokenMemory();
  expect(await memory.find("a", async () => undefined)).toBeUndefined();
  expect(await memory.find("a", async () => tokenOf("erika"))).toMatchObject({ account: "erika" });
});
