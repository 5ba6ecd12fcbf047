import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openKeyring } from "./sealing.ts";

async function makeHome() {
  const home = await mkdtemp(join(tmpdir(), "trainyard-sealing-"));
  const keyFile = join(home, "secret.key");
  return { home, keyFile, [Symbol.asyncDispose]: () => rm(home, { recursive: true }) };
}

function thrownBy(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("nothing was thrown");
}

test("whatever was sealed opens again, also with a keyring opened later", async () => {
  await using bundle = await makeHome();
  const first = await openKeyring(bundle.home);
  const later = await openKeyring(bundle.home);
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string(), (secret, context) => {
      expect(later.unseal(first.seal(secret, context), context)).toBe(secret);
    }),
  );
});

test("the same secret sealed twice gives two envelopes, and neither shows it", async () => {
  await using bundle = await makeHome();
  const keyring = await openKeyring(bundle.home);
  const envelopes = [keyring.seal("canary-secret", "training-1"), keyring.seal("canary-secret", "training-1")];
  expect(envelopes[0]).not.toBe(envelopes[1]);
  for (const envelope of envelopes) {
    expect(envelope).toMatch(/^v1\.[A-Za-z0-9]{8}\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+$/);
    expect(envelope).not.toContain(Buffer.from("canary").toString("base64url").slice(0, 7));
  }
});

test("an envelope copied to another record does not open there", async () => {
  await using bundle = await makeHome();
  const keyring = await openKeyring(bundle.home);
  const envelope = keyring.seal("canary-secret", "training-1");
  const error = thrownBy(() => keyring.unseal(envelope, "training-2"));
  expect(error).toMatchObject({ code: "secret_unreadable", message: expect.stringContaining("'training-2'") });
  expect(error.message).not.toContain("canary");
});

test("an envelope with any character changed does not open", async () => {
  await using bundle = await makeHome();
  const keyring = await openKeyring(bundle.home);
  const envelope = keyring.seal("a secret of some length", "training-1");
  for (let at = 0; at < envelope.length; at += 1) {
    const other = envelope[at] === "A" ? "B" : "A";
    const changed = envelope.slice(0, at) + other + envelope.slice(at + 1);
    // The last character of base64url may carry bits that decoding drops.
    const sameBytes = changed.split(".").every((part, index) => {
      const original = envelope.split(".")[index] ?? "";
      return index < 2 ? part === original : Buffer.from(part, "base64url").equals(Buffer.from(original, "base64url"));
    });
    if (!sameBytes) expect(() => keyring.unseal(changed, "training-1")).toThrow(/cannot be opened/);
  }
});

test("a shorter tag, which would be easier to guess, is not accepted", async () => {
  await using bundle = await makeHome();
  const keyring = await openKeyring(bundle.home);
  const [version, keyId, nonce, tag = ""] = keyring.seal("", "training-1").split(".");
  for (const bytes of [4, 8, 12, 15]) {
    const short = Buffer.from(tag, "base64url").subarray(0, bytes).toString("base64url");
    expect(() => keyring.unseal([version, keyId, nonce, short].join("."), "training-1")).toThrow(/cannot be opened/);
  }
});

test("an envelope that is cut short or is no envelope does not open", async () => {
  await using bundle = await makeHome();
  const keyring = await openKeyring(bundle.home);
  const [version, keyId, nonce] = keyring.seal("secret", "training-1").split(".");
  for (const text of ["", "plain text", "v2.a.b.c", `${version}.${keyId}.${nonce}.`, `${version}.${keyId}..`]) {
    expect(thrownBy(() => keyring.unseal(text, "training-1"))).toMatchObject({ code: "secret_unreadable" });
  }
});

test("after a new first line the new key seals and the old one still opens", async () => {
  await using bundle = await makeHome();
  const old = await openKeyring(bundle.home);
  const envelope = old.seal("secret", "training-1");
  const newLine = `fresh ${Buffer.alloc(32, 7).toString("base64url")}\n`;
  await writeFile(bundle.keyFile, `# rotated\n${newLine}${await readFile(bundle.keyFile, "utf8")}`);
  const rotated = await openKeyring(bundle.home);
  expect(rotated.unseal(envelope, "training-1")).toBe("secret");
  expect(rotated.seal("secret", "training-1")).toMatch(/^v1\.fresh\./);

  await writeFile(bundle.keyFile, newLine);
  const forgetful = await openKeyring(bundle.home);
  expect(() => forgetful.unseal(envelope, "training-1")).toThrow(/the key '[A-Za-z0-9]{8}' is not in secret.key/);
});

test("the key file is the server user's alone, and nothing else is left beside it", async () => {
  await using bundle = await makeHome();
  await openKeyring(bundle.home);
  expect((await stat(bundle.keyFile)).mode & 0o777).toBe(0o600);
  expect(await readdir(bundle.home)).toEqual(["secret.key"]);
});

test("two servers that start in the same home at once agree on the key", async () => {
  await using bundle = await makeHome();
  const [a, b] = await Promise.all([openKeyring(bundle.home), openKeyring(bundle.home)]);
  expect(b.unseal(a.seal("secret", "training-1"), "training-1")).toBe("secret");
});

test.each([0o640, 0o604, 0o644, 0o660])(
  "a key file with mode %o is refused with the command that mends it",
  async (mode) => {
    await using bundle = await makeHome();
    await openKeyring(bundle.home);
    await chmod(bundle.keyFile, mode);
    await expect(openKeyring(bundle.home)).rejects.toMatchObject({
      code: "key_file_refused",
      message: expect.stringContaining(`mode 0${mode.toString(8)}`),
      hint: `Run: chmod 600 ${bundle.keyFile}`,
    });
  },
);

test.each([
  ["", /holds no key/],
  ["not a key\n", /line 1 is not a key/],
  [`a ${"A".repeat(43)}\na ${"B".repeat(43)}\n`, /'a' is there twice/],
])("a key file that says %j is refused without showing what it holds", async (text, fact) => {
  await using bundle = await makeHome();
  await writeFile(bundle.keyFile, text, { mode: 0o600 });
  await expect(openKeyring(bundle.home)).rejects.toThrow(fact);
});
