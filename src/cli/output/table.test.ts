import fc from "fast-check";
import stringWidth from "string-width";
import { expect, test } from "vitest";
import { formatPairs, formatTable } from "./table.ts";

test("columns are aligned by what a terminal shows, whatever is in them", async () => {
  const cell = fc.oneof(fc.string({ unit: "grapheme", maxLength: 12 }), fc.constantFrom("手書き", "é", "👩‍🚀", ""));
  const rows = fc.array(fc.tuple(cell, cell), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(rows, async (cells) => {
      const table = await formatTable(
        [
          { title: "A", value: (row: [string, string]) => row[0] },
          { title: "B", value: () => "|" },
        ],
        cells,
      );
      const lines = table.split("\n").slice(1, -1);
      expect(lines).toHaveLength(cells.length);
      const widths = new Set(lines.map((line) => stringWidth(line)));
      expect(widths.size).toBeLessThanOrEqual(1);
    }),
  );
});

test("no line ends in blanks and control characters are shown, not obeyed", async () => {
  const table = await formatTable(
    [
      { title: "NAME", value: (row: string[]) => row[0] ?? "" },
      { title: "WHY", value: (row) => row[1] ?? "" },
    ],
    [["a\u001b[31m\nb", ""]],
  );
  expect(table).toBe("NAME                 WHY\na\\u001b[31m\\u000ab\n");
});

test("pairs without a value are left out", () => {
  expect(
    formatPairs([
      ["Name", "x"],
      ["Description", null],
      ["Attempt", undefined],
      ["State", "failed"],
    ]),
  ).toBe("Name    x\nState   failed\n");
});
