import * as fc from "fast-check";
import { expect, test } from "vitest";
import { searchLog, type LogMatch, type SearchPlace } from "./search-log.ts";

const never = new AbortController().signal;

function logOf(bytes: Buffer) {
  return {
    sizeBytes: bytes.length,
    read: async (from: number, maxBytes: number) => {
      const part = bytes.subarray(from, from + maxBytes);
      return part.length === 0 ? null : { kind: "bytes" as const, bytes: part, next: from + part.length };
    },
  };
}

async function searchAll(bytes: Buffer, query: string, limit: number, maxBytes: number): Promise<readonly LogMatch[]> {
  const matches: LogMatch[] = [];
  let from: SearchPlace | null = { offset: 0, line: 1 };
  while (from !== null) {
    const page = await searchLog(logOf(bytes), { query, findInLines: null, from, limit, maxBytes }, never);
    matches.push(...page.matches);
    from = page.next;
  }
  return matches;
}

test("a search finds the lines that a look at each line finds, page by page", async () => {
  const line = fc.string({ unit: fc.constantFrom("a", "b", "é"), maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 60 }),
      fc.constantFrom("a", "ab", "é", "bbb"),
      fc.integer({ min: 1, max: 7 }),
      async (lines, query, limit) => {
        const matches = await searchAll(Buffer.from(lines.join("\n")), query, limit, 1);
        const expected = lines.flatMap((text, i) => (text.includes(query) ? [i + 1] : []));
        expect(matches.map((match) => match.line)).toEqual(expected);
      },
    ),
  );
});

test("what lies across two pieces, in lines of megabytes too, is found", async () => {
  for (const at of [262_140, 262_143, 262_144, 600_000, 786_430]) {
    const bytes = Buffer.alloc(1_000_000, "x");
    bytes.write("needle", at);
    bytes.write("\n", 10);
    const matches = await searchAll(bytes, "needle", 10, 1);
    expect(matches.map(({ line, offset }) => [line, offset])).toEqual([[2, at]]);
  }
});

test("an aborted search ends", async () => {
  const options = { query: "a", findInLines: null, from: { offset: 0, line: 1 }, limit: 1, maxBytes: 10 };
  await expect(searchLog(logOf(Buffer.from("b")), options, AbortSignal.abort(new Error("gone")))).rejects.toThrow(
    "gone",
  );
});
