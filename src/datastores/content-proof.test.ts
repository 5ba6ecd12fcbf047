import fc from "fast-check";
import { expect, test } from "vitest";
import { EtagBuilder, etagOfBytes, guessPartBytes, proofOf } from "./content-proof.ts";

const MIB = 1024 * 1024;

test("the part sizes of the usual tools are told from size and number of parts", () => {
  for (const mib of [5, 8, 15, 16]) {
    const sizeBytes = 40 * mib * MIB - 1;
    expect(guessPartBytes(sizeBytes, 40)).toBe(mib * MIB);
  }
  expect(guessPartBytes(123, 1)).toBe(123);
});

test("a guess always gives the number of parts that there are", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5e12 }), fc.integer({ min: 1, max: 10_000 }), (sizeBytes, parts) => {
      const guess = guessPartBytes(sizeBytes, parts);
      if (guess !== null) expect(Math.ceil(sizeBytes / guess)).toBe(parts);
    }),
  );
});

test("an ETag is the same however the bytes are cut on their way", () => {
  const cuts = fc.array(fc.nat(50), { maxLength: 20 });
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.integer({ min: 1, max: 90 }),
      cuts,
      (all, part, sizes) => {
        const bytes = Buffer.from(all);
        const whole = etagOfBytes({ kind: "parts", etag: "", partBytes: part }, bytes);
        const builder = new EtagBuilder(part);
        let at = 0;
        for (const size of [...sizes, bytes.length]) {
          builder.update(bytes.subarray(at, at + size));
          at = Math.min(bytes.length, at + size);
        }
        expect(builder.digest()).toBe(whole);
        expect(whole?.endsWith(`-${Math.ceil(bytes.length / part)}`)).toBe(true);
      },
    ),
  );
});

test("only what has the form of a checksum is taken for one", () => {
  const kindOf = (etag: string | null) => proofOf({ key: "k", sizeBytes: 100, etag }).kind;
  const md5 = "0".repeat(32);
  const kinds = [md5, `${md5}-1`, `${md5}-segments`, `${md5}-0`, `${md5}-200`, "abc", null].map(kindOf);
  expect(kinds).toEqual(["whole", "parts", "none", "none", "none", "none", "none"]);
});
