import { expect, test } from "vitest";
import { comparable, matches, Names } from "./docs-output.ts";

test.each([
  ["times", "Ended 2026-11-26T02:58:56.446Z (3 s ago)", "Ended 2017-10-26T11:16:51Z (2 min ago)"],
  ["sizes and widths of columns", "SIZE     KEY\n4.9 kB   model", "SIZE  KEY\n1 B   model"],
  ["versions and decimals", "Python 3.11.2, Loss= 0.912405", "Python 3.12.1, Loss= 1.1"],
  ["ports", "http://127.0.0.1:7878/health", "http://127.0.0.1:41235/health"],
  ["the date of a log's banner", "Thu Nov 26 02:59:31 UTC 2026: Running", "Fri Jul  6 08:12:32 UTC 2018: Running"],
])("%s may differ from what a page shows", (_, page, here) => {
  expect(comparable(here)).toEqual(comparable(page));
});

test.each([
  ["a word", "State  completed", "State  failed"],
  ["a number without a unit", "1 records found.", "2 records found."],
  ["a line too many", "one", "one\ntwo"],
  ["a line too few", "one\ntwo", "one"],
  ["an exit code", "(exit code 127)", "(exit code 126)"],
])("%s may not differ", (_, page, here) => {
  expect(matches(comparable(here), comparable(page))).toBe(false);
});

test.each([
  ["...", ""],
  ["...", "a\nb"],
  ["a\n...\nd", "a\nb\nc\nd"],
  ["a\n...", "a"],
  ["...\nb\n...", "b"],
])("%j stands for %j", (page, here) => {
  expect(matches(comparable(here), comparable(page))).toBe(true);
});

test("dots do not stand for lines that must be there", () => {
  expect(matches(["a", "c"], ["a", "...", "b", "..."])).toBe(false);
});

test("JSON on one line is compared as pages show it", () => {
  expect(comparable('{"runs":[],"nextCursor":null}')).toEqual(["{", '  "runs": [],', '  "nextCursor": null', "}"]);
});

test("each new id is the page's next one, and commands get it back", () => {
  const names = new Names("show training-DOl4q2LkR, then training-GDl92LxOw");
  names.learn("/tmp/x/ann", "/home/ann");
  expect(names.toPage("Submitted run training-aaaaaaaaa in /tmp/x/ann")).toBe(
    "Submitted run training-DOl4q2LkR in /home/ann",
  );
  expect(names.toPage("training-bbbbbbbbb, training-aaaaaaaaa")).toBe("training-GDl92LxOw, training-DOl4q2LkR");
  expect(names.toHere("show training-GDl92LxOw /home/ann")).toBe("show training-bbbbbbbbb /tmp/x/ann");
});

test("a run that the page does not know keeps its own id, so that the comparison fails", () => {
  expect(new Names("no ids").toPage("training-aaaaaaaaa")).toBe("training-aaaaaaaaa");
});
