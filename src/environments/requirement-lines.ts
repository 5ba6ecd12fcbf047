/** A name, extras, versions, a marker: `tensorflow[and-cuda]>=2.16,<3; python_version < "3.13"`. */
const REQUIREMENT =
  /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:\s*\[[A-Za-z0-9._\s,-]*\])?\s*(?:\(?\s*(?:[<>=!~]=?=?\s*[A-Za-z0-9.*+!_-]+\s*,?\s*)*\)?)?(?:;(?:(?!--)[^@/\\])*)?$/;

const MOST_LINES = 2_000;

export type RequirementReading =
  | { readonly status: "read"; readonly lines: readonly string[] }
  /** `fact` is a sentence that names the line. */
  | { readonly status: "refused"; readonly fact: string };

/**
 * The requirements in a `requirements.txt`. Only names with versions are taken: an option could name another index,
 * and a URL or a path would make the service itself read whatever stands there.
 */
export function readRequirements(text: string): RequirementReading {
  const lines: string[] = [];
  // A line may go on behind a backslash: pip and uv write the hashes of a lock so.
  const logical = text.replace(/^\uFEFF/, "").replaceAll(/\\\r?\n/g, " ");
  for (const [index, raw] of logical.split(/\r?\n/).entries()) {
    const line = raw
      .replace(/(?:^|\s)#.*$/, "")
      .replaceAll(/\s--hash=sha256:[0-9a-f]{64}/g, "")
      .trim();
    if (line === "") continue;
    if (!REQUIREMENT.test(line)) return { status: "refused", fact: refusal(index + 1, line) };
    lines.push(line);
  }
  if (lines.length > MOST_LINES) return { status: "refused", fact: `It has more than ${MOST_LINES} requirements.` };
  return { status: "read", lines };
}

function refusal(number: number, line: string): string {
  const shown = line.length > 80 ? `${line.slice(0, 79)}…` : line;
  const why = line.startsWith("-")
    ? "is an option, and only requirements are taken"
    : "is no name with versions, and files and addresses are not taken";
  // An address may carry a password.
  return `Line ${number} ('${shown.replace(/\/\/[^/@\s]*@/, "//***@")}') ${why}.`;
}
