import { chmod, mkdtemp, readFile, rm, stat, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../base/clock.ts";
import { ensureAdminToken, hashToken, makeToken } from "./tokens.ts";

async function makeHome() {
  const home = await mkdtemp(join(tmpdir(), "trainyard-tokens-"));
  const saved: { sha256: string; account: string }[] = [];
  const tokens = {
    saveToken: async (token: { sha256: string; account: string }) => {
      saved.push(token);
    },
  };
  const ensure = () => ensureAdminToken({ home, tokens, clock: systemClock });
  return { file: join(home, "admin-token"), saved, ensure, [Symbol.asyncDispose]: () => rm(home, { recursive: true }) };
}

test("a token has a mark for scanners and 32 random bytes, and no two are the same", () => {
  const tokens = Array.from({ length: 100 }, makeToken);
  for (const token of tokens) expect(token).toMatch(/^tyd_[A-Za-z0-9_-]{43}$/);
  expect(new Set(tokens).size).toBe(100);
});

test("the first start writes the token for its user alone and registers only the hash", async () => {
  await using bundle = await makeHome();
  const token = await bundle.ensure();
  expect(await readFile(bundle.file, "utf8")).toBe(`${token}\n`);
  expect((await stat(bundle.file)).mode & 0o777).toBe(0o600);
  expect(bundle.saved).toMatchObject([{ sha256: hashToken(token), account: "admin" }]);
  expect(JSON.stringify(bundle.saved)).not.toContain(token);
});

test("a later start registers the token that is there", async () => {
  await using bundle = await makeHome();
  const token = await bundle.ensure();
  expect(await bundle.ensure()).toBe(token);
  expect(bundle.saved.map(({ sha256 }) => sha256)).toEqual([hashToken(token), hashToken(token)]);
});

test("a start after the file was deleted makes another token", async () => {
  await using bundle = await makeHome();
  const token = await bundle.ensure();
  await unlink(bundle.file);
  expect(await bundle.ensure()).not.toBe(token);
});

test("a token file that others can read stops the start with the command that mends it", async () => {
  await using bundle = await makeHome();
  await bundle.ensure();
  await chmod(bundle.file, 0o644);
  await expect(bundle.ensure()).rejects.toMatchObject({
    code: "key_file_refused",
    hint: `Run: chmod 600 ${bundle.file}`,
  });
  expect(bundle.saved).toHaveLength(1);
});

test("a token file without a token stops the start and does not show what is in it", async () => {
  await using bundle = await makeHome();
  await writeFile(bundle.file, "hunter2\n", { mode: 0o600 });
  const error = await bundle.ensure().catch((reason: unknown) => reason as Error);
  expect(error).toMatchObject({ code: "key_file_refused" });
  expect((error as Error).message).not.toContain("hunter2");
});
