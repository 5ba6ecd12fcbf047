import * as fc from "fast-check";
import { expect, test } from "vitest";
import { readRequirements } from "./requirement-lines.ts";

test("names with versions, extras and markers are requirements; comments, blanks and hashes are not", () => {
  const text = `\uFEFF# what it needs
six
scikit-learn == 1.5.*   # pinned
tensorflow[and-cuda]>=2.16,<3 ; python_version < "3.13"
ruamel.yaml~=0.18
Pillow (>=9)
numpy==1.26.4 \\
    --hash=sha256:${"a".repeat(64)} \\
    --hash=sha256:${"b".repeat(64)}
`;
  expect(readRequirements(text.replaceAll("\n", "\r\n"))).toEqual({
    status: "read",
    lines: [
      "six",
      "scikit-learn == 1.5.*",
      'tensorflow[and-cuda]>=2.16,<3 ; python_version < "3.13"',
      "ruamel.yaml~=0.18",
      "Pillow (>=9)",
      "numpy==1.26.4",
    ],
  });
});

test.each([
  ["--index-url https://elsewhere.example/simple", "is an option"],
  ["-r other.txt", "is an option"],
  ["-e .", "is an option"],
  ["six --global-option=x", "is no name with versions"],
  ["./package.whl", "is no name with versions"],
  ["/etc/passwd", "is no name with versions"],
  ["six @ file:///etc/passwd", "is no name with versions"],
  ["six@https://169.254.169.254/x", "is no name with versions"],
  ["git+https://example.com/a.git", "is no name with versions"],
  ['six; python_version > "3" @ file:///x', "is no name with versions"],
  ['six; python_version > "3" --no-binary :all:', "is no name with versions"],
  ["$(id)", "is no name with versions"],
])("%j is refused by its line", (line, why) => {
  const reading = readRequirements(`six\n\n${line}\n`);
  expect(reading).toMatchObject({ status: "refused", fact: expect.stringMatching(`^Line 3 \\('.*'\\) ${why}`) });
});

test("a password in a refused address is not repeated", () => {
  const reading = readRequirements("six @ https://ann:canary@example.com/six.whl");
  expect(JSON.stringify(reading)).not.toContain("canary");
});

test("whatever stands in the file, no line that is taken begins as an option or names a place", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme-ascii", maxLength: 60 }), (text) => {
      const reading = readRequirements(text);
      for (const line of reading.status === "read" ? reading.lines : []) expect(line).toMatch(/^[A-Za-z0-9][^@/]*$/);
    }),
    { numRuns: 2000 },
  );
});

test("a long line that is almost a requirement is refused at once", () => {
  const startedMs = performance.now();
  for (const line of [
    `a${"=".repeat(50_000)}`,
    `a ${"<1,".repeat(20_000)}@`,
    `a${"-a".repeat(50_000)}!`,
    `a[${" ".repeat(50_000)}`,
  ]) {
    expect(readRequirements(line).status).toBe("refused");
  }
  expect(performance.now() - startedMs).toBeLessThan(2_000);
});
