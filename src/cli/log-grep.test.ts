import { expect, test } from "vitest";
import { LogGrep } from "./log-grep.ts";

test("lines that match are let through whole, however they are cut, the last one without its end too", () => {
  const grep = new LogGrep("loss=0\\.[0-4]");
  let out = "";
  for (const byte of Buffer.from("loss=0.9 ü\nloss=0.3 ü\nbar 1\rloss=0.2\r\nloss=0.8\nloss=0.1"))
    out += grep.push(Buffer.of(byte));
  expect(out + grep.end()).toBe("loss=0.3 ü\nloss=0.2\nloss=0.1\n");
});

test("a pattern that would never end is given up with its name", () => {
  const grep = new LogGrep("^(a+)+$");
  expect(() => grep.push(Buffer.from(`${"a".repeat(50)}!\n`))).toThrow("The pattern '^(a+)+$' takes too long");
});

test("what is no pattern is refused", () => {
  expect(() => new LogGrep("(")).toThrow("'(' is no regular expression");
});
