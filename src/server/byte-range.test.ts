import * as fc from "fast-check";
import { expect, test } from "vitest";
import { readByteRange } from "./byte-range.ts";

test("any first and last byte in order are read back", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), (first, more) => {
      expect(readByteRange(`bytes=${first}-${first + more}`)).toEqual({
        kind: "from",
        start: first,
        end: first + more + 1,
      });
      expect(readByteRange(`Bytes = ${first}-`)).toEqual({ kind: "from", start: first, end: null });
      expect(readByteRange(`bytes=-${more}`)).toEqual({ kind: "last", length: more });
    }),
  );
});

test("any other text is refused as not valid, never understood by half", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(!/^\s*bytes\s*=/i.test(text));
      expect(() => readByteRange(text)).toThrow(expect.objectContaining({ code: "request_invalid" }));
    }),
  );
});
