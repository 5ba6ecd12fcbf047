import fc from "fast-check";
import { expect, test } from "vitest";
import { nearest } from "./nearest.ts";

const KEYS = ["endpoint_url", "aws_access_key_id", "aws_secret_access_key", "bucket", "type"];

test.each([
  ["endpoint_ulr", "endpoint_url"],
  ["buket", "bucket"],
  ["Type", "type"],
  ["aws_acces_key_id", "aws_access_key_id"],
])("'%s' was meant as '%s'", (word, meant) => {
  expect(nearest(word, KEYS)).toBe(meant);
});

test("a word that is like nothing known gets no advice", () => {
  expect(nearest("colour", KEYS)).toBeUndefined();
});

test("a known word is nearest to itself", () => {
  fc.assert(fc.property(fc.constantFrom(...KEYS), (key) => nearest(key, KEYS) === key));
});

test("swapping two neighbouring letters never hides the word that was meant", () => {
  fc.assert(
    fc.property(fc.constantFrom(...KEYS), fc.nat(), (key, n) => {
      const at = n % (key.length - 1);
      const swapped = key.slice(0, at) + key.charAt(at + 1) + key.charAt(at) + key.slice(at + 2);
      return nearest(swapped, KEYS) === key;
    }),
  );
});
