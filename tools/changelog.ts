// `npm run changelog VERSION`: assembles the fragments of changelog/unreleased into CHANGELOG.md and removes them.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const KINDS = ["Added", "Changed", "Fixed", "Security"] as const;
const FOLDER = "changelog/unreleased";

interface Fragment {
  readonly kind: string;
  readonly summary: string;
  readonly details: string;
}

function read(file: string): Fragment {
  const [first = "", ...rest] = readFileSync(join(FOLDER, file), "utf8").trim().split("\n");
  const match = /^(\w+): (.+)$/.exec(first);
  if (match === null || !KINDS.some((kind) => kind === match[1])) {
    throw new Error(`${file}: the first line must be '${KINDS.join("|")}: sentence', and it is '${first}'.`);
  }
  return { kind: match[1] ?? "", summary: match[2] ?? "", details: rest.join("\n").trim() };
}

const version = process.argv[2];
if (version === undefined) throw new Error("Say which version: npm run changelog 0.2.0");
const files = readdirSync(FOLDER).filter((file) => file.endsWith(".md"));
const fragments = files.map(read);
const sections = KINDS.flatMap((kind) => {
  const entries = fragments.filter((fragment) => fragment.kind === kind);
  if (entries.length === 0) return [];
  return [`### ${kind}`, ...entries.map(({ summary, details }) => `- **${summary}** ${details.replaceAll("\n", " ")}`)];
});
const date = new Date().toISOString().slice(0, 10);
const before = existsSync("CHANGELOG.md") ? readFileSync("CHANGELOG.md", "utf8") : "# Changelog\n";
const [title = "", ...older] = before.split("\n");
writeFileSync("CHANGELOG.md", [title, "", `## ${version} (${date})`, "", ...sections, ...older].join("\n"));
for (const file of files) rmSync(join(FOLDER, file));
