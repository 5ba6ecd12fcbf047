import * as fc from "fast-check";
import { expect, test } from "vitest";
import { RowFolder, WINDOW_ROWS } from "./row-folder.ts";
import { MAX_COLUMNS, type RowState } from "./terminal-row.ts";

const ESC = "\u001B";
const UP = `${ESC}[A`;

/** All rows of bytes that come in the given portions, as they are at the end. */
function foldAll(portions: readonly Buffer[]): readonly RowState[] {
  const rows: RowState[] = [];
  const folder = new RowFolder(undefined, [], (row) => rows.push(row.toState()));
  for (const portion of portions) folder.push(portion);
  folder.end();
  return [...rows, ...folder.live().map((row) => row.toState())];
}

const textsOf = (text: string): readonly string[] => foldAll([Buffer.from(text)]).map((row) => row.text);

test("a progress bar is what it showed last", () => {
  expect(textsOf(" 10 %\r 50 %\r100 %\ndone\n")).toEqual(["100 %", "done"]);
});

test("what a shorter text does not cover stays, as on a terminal", () => {
  expect(textsOf("loading\rok\n")).toEqual(["okading"]);
  expect(textsOf(`loading\rok${ESC}[K\n`)).toEqual(["ok"]);
});

test("nested progress bars are as many rows as they have bars", () => {
  const draw = (bar: number, text: string): string => `${"\n".repeat(bar)}\r${text}${UP.repeat(bar)}`;
  let log = "start\n";
  for (let epoch = 0; epoch < 100; epoch += 1) log += draw(0, `epoch ${epoch}`) + draw(1, `batch ${epoch}`);
  const rows = foldAll([Buffer.from(`${log}\n\nend\n`)]);
  expect(rows.map(({ number, line, text }) => [number, line, text])).toEqual([
    [1, 1, "start"],
    [2, 2, "epoch 99"],
    [3, 3, "batch 99"],
    [4, 104, "end"],
  ]);
});

test("colours stay, and are given back before the row ends", () => {
  expect(textsOf(`${ESC}[31mred${ESC}[0m and ${ESC}[1;38;5;9mmore\nstill\n`)).toEqual([
    `${ESC}[31mred${ESC}[0m and ${ESC}[1;38;5;9mmore${ESC}[0m`,
    `${ESC}[1;38;5;9mstill${ESC}[0m`,
  ]);
});

test("NUL and other controls are seen as pictures, a bell and a window's title not at all", () => {
  expect(textsOf(`a\0b\u0001\u0007${ESC}]0;title\u0007c${ESC}(Bd\u007F\n`)).toEqual(["a␀b␁cd␡"]);
});

test("a line of ten megabytes is cut in what is seen, and the next row knows where it begins", () => {
  const long = Buffer.alloc(10_000_000, "x");
  const rows = foldAll([long, Buffer.from("\nnext")]);
  expect(rows.map(({ text, isCut, offset }) => [text.length, isCut, offset])).toEqual([
    [MAX_COLUMNS, true, 0],
    [4, false, 10_000_001],
  ]);
});

test("a cursor cannot reach rows above the lowest 64", () => {
  const rows = textsOf(`${"row\n".repeat(100)}${UP.repeat(200)}top\n`);
  expect(rows.indexOf("top")).toBe(101 - WINDOW_ROWS);
});

/** Text, controls and broken bytes, in the proportions that make them meet. */
const piece = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 6 }),
  fc.constantFrom("\n", "\r", "\b", "\t", "\0", "\r\n", "é", "€", "😀", "\n\n\n"),
  fc
    .constantFrom("A", "B", "C", "D", "E", "F", "G", "K", "1K", "2K", "J", "31m", "0m", "1;44m", "?25l", "9z")
    .map((end) => `${ESC}[${end}`),
  fc.constantFrom(ESC, `${ESC}[`, `${ESC}]0;t\u0007`, `${ESC}M`, `${ESC}[3A`, `${ESC}[5C`),
);
const bytesOf = fc
  .array(
    fc.oneof(
      piece.map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
    ),
    { maxLength: 120 },
  )
  .map((parts) => Buffer.concat(parts));

function cut(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end));
}

test("folding in any portions gives what folding at once gives", () => {
  fc.assert(
    fc.property(bytesOf, fc.array(fc.nat(), { maxLength: 20 }), (bytes, places) => {
      expect(foldAll(cut(bytes, places))).toEqual(foldAll([bytes]));
    }),
    { numRuns: 500 },
  );
});

test("without control characters rows are lines", () => {
  const line = fc.string({ unit: "grapheme" }).map((text) => text.replaceAll(/\p{Cc}/gu, ""));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 200 }), (lines) => {
      const rows = foldAll([Buffer.from(lines.map((each) => `${each}\n`).join(""))]);
      expect(rows.map((row) => row.text)).toEqual(lines);
      expect(rows.map((row) => row.line)).toEqual(lines.map((_, i) => i + 1));
    }),
  );
});

/** The plainest screen there can be: a list of lists of characters. */
function onSimpleScreen(commands: readonly string[]): readonly string[] {
  const screen: string[][] = [[]];
  let [row, column] = [0, 0];
  for (const command of commands) {
    if (command === "\n") {
      row += 1;
      column = 0;
      if (row === screen.length) screen.push([]);
    } else if (command === "\r") column = 0;
    else if (command === "\b") column = Math.max(0, column - 1);
    else if (command === UP) row = Math.max(0, row - 1);
    else if (command === `${ESC}[B`) row = Math.min(screen.length - 1, row + 1);
    else if (command === `${ESC}[K`) (screen[row] as string[]).splice(column);
    else {
      const cells = screen[row] as string[];
      while (cells.length < column) cells.push(" ");
      cells[column] = command;
      column += 1;
    }
  }
  return screen.map((cells) => cells.join(""));
}

test("rows are what a simple screen shows", () => {
  const command = fc.constantFrom("a", "b", "é", "😀", "\n", "\r", "\b", UP, `${ESC}[B`, `${ESC}[K`);
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const rows = textsOf(commands.join(""));
      const screen = onSimpleScreen(commands).slice(0, WINDOW_ROWS);
      // A row that nothing was written into yet is none.
      expect([...rows, ""].slice(0, screen.length)).toEqual(screen);
    }),
    { numRuns: 500 },
  );
});

test("a folder that goes on from a checkpoint gives the rows that the first would have given", () => {
  fc.assert(
    fc.property(bytesOf, bytesOf, (before, after) => {
      const first = new RowFolder();
      first.push(before);
      const place = first.checkpoint();
      const known = first.known().map((row) => row.toState());
      const second = new RowFolder(place, known);
      second.resumeChanged(place.changed.map((row) => row.number));
      const all = Buffer.concat([before, after]);
      first.push(after);
      second.push(all.subarray(place.offset));
      expect(second.live().map((row) => row.toState())).toEqual(first.live().map((row) => row.toState()));
      expect(second.checkpoint()).toEqual(first.checkpoint());
    }),
    { numRuns: 500 },
  );
});
