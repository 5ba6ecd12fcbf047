import fc from "fast-check";
import { expect, test } from "vitest";
import { SecretMask } from "./secret-mask.ts";

function mask(secrets: readonly string[], text: string): string {
  const bytes = Buffer.from(text);
  new SecretMask(secrets).apply(bytes);
  return bytes.toString();
}

const secret = fc.string({ minLength: 4, maxLength: 30, unit: "grapheme" }).filter((text) => text.trim().length >= 4);

test("a secret is masked as it is and in every form in which programs print it, and nothing moves", () => {
  fc.assert(
    fc.property(secret, fc.string({ maxLength: 5 }), (text, before) => {
      for (const form of [
        text,
        JSON.stringify(text),
        encodeURIComponent(text.toWellFormed()),
        Buffer.from(text).toString("base64"),
        Buffer.from(`${before}:${text}`).toString("base64url"),
      ]) {
        const line = `key=${form};\n`;
        const masked = mask([text], line);
        expect(Buffer.byteLength(masked)).toBe(Buffer.byteLength(line));
        // Of base64 a letter at each end belongs to the neighbours too.
        expect(masked).not.toContain(form.length > 8 ? form.slice(2, -4) : text);
      }
    }),
  );
});

test("text without a secret stays as it is", () => {
  expect(mask(["hunter2-hunter2"], "hunter2 and hunter\n")).toBe("hunter2 and hunter\n");
});

test("secrets of fewer than four bytes are left: masking them would destroy the log", () => {
  expect(mask(["abc", ""], "abc")).toBe("abc");
  expect(new SecretMask(["abc", ""]).isEmpty).toBe(true);
});

test("overlapping secrets are masked both", () => {
  expect(mask(["aabb", "bbcc"], "xaabbccx")).toBe("x******x");
});

test("each line of a secret with several is one", () => {
  expect(mask(["-----BEGIN-----\nMIIEvQ\n"], "loaded MIIEvQ ok")).toBe("loaded ****** ok");
});

test("what is given piece by piece, with the beginning of a secret held back, is what is given at once", () => {
  const part = fc.constantFrom("hunter2-hunter2", "hunter2", "-", "\n", "epoch 1 ", "hun");
  fc.assert(
    fc.property(fc.array(part), fc.array(fc.nat(12)), (parts, sizes) => {
      const secretMask = new SecretMask(["hunter2-hunter2"]);
      const log = Buffer.from(parts.join(""));
      let given = "";
      let from = 0;
      for (let end = 0, i = 0; end < log.length; i += 1) {
        end = Math.min(log.length, end + 1 + (sizes[i % (sizes.length || 1)] ?? 3));
        const start = Math.max(0, from - secretMask.reach + 1);
        const seen = Buffer.from(log.subarray(start, end));
        secretMask.apply(seen);
        const until = end === log.length ? seen.length : secretMask.givable(seen);
        given += seen.subarray(from - start, Math.max(until, from - start)).toString("latin1");
        from = Math.max(from, start + until);
      }
      expect(given.replaceAll(/hunt?e?r?/gu, "")).not.toContain("hunter2-hunter2");
      expect(given.length).toBe(log.length);
      expect(given.includes("hunter2-hunter2")).toBe(false);
    }),
  );
});

test("only the beginning of a secret is held back", () => {
  const secretMask = new SecretMask(["hunter2-hunter2"]);
  expect(secretMask.givable(Buffer.from("password: hunter2-"))).toBe(10);
  expect(secretMask.givable(Buffer.from("password: hun"))).toBe(13);
  expect(secretMask.givable(Buffer.from("password: nothing"))).toBe(17);
});
