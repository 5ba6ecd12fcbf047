type BuildTrouble =
  /** No combination of versions fits, or a name is not in the index. */
  | "unresolvable"
  | "index_unreachable"
  /** Neither uv nor pip, or no suitable Python. */
  | "no_tool"
  | "install_failed"
  /** Everything was installed, and the framework cannot be imported. */
  | "does_not_work"
  | "timed_out"
  | "disk_full";

const HINTS: Record<BuildTrouble, string> = {
  unresolvable:
    "Ask for another version, or mend the requirements; the last lines say what does not fit. The operator can serve an old version by another with 'served_by' under 'environments:' in trainyard.yaml.",
  index_unreachable:
    "Check that the server reaches its package index: PIP_INDEX_URL or pip.conf, UV_DEFAULT_INDEX or uv.toml, and the proxy's variables are honoured. Then submit again.",
  no_tool: "Install uv, or pip for the python3 on the server's PATH ('trainyard doctor' shows what is there).",
  install_failed: "The last lines say which package failed. Mend the requirements, then submit again.",
  does_not_work: "The last lines say why. Another version, or further requirements, may help.",
  timed_out:
    "Submit again: what was downloaded is not downloaded twice. The operator can raise builds.time_limit_minutes.",
  disk_full: "Free space under the server's home ('trainyard environments list' shows sizes), then submit again.",
};

/** An environment that could not be built. */
export class EnvironmentBuildError extends Error {
  override readonly name = "EnvironmentBuildError";
  readonly trouble: BuildTrouble;
  /** What to do. */
  readonly hint: string;
  /** The last lines that the tool printed, oldest first. */
  readonly lastLines: readonly string[];

  constructor(trouble: BuildTrouble, message: string, lastLines: readonly string[] = [], hint = HINTS[trouble]) {
    super(message);
    this.trouble = trouble;
    this.hint = hint;
    this.lastLines = lastLines;
  }
}

// uv's words, then pip's. A resolver that reached nothing also says that nothing fits, so reaching comes first.
const SIGNS: readonly (readonly [BuildTrouble, RegExp])[] = [
  ["disk_full", /No space left on device|Disk quota exceeded|os error 28\b/],
  [
    "index_unreachable",
    /Failed to fetch|error sending request|client error \(Connect\)|dns error|Could not fetch URL|NewConnectionError|ConnectTimeout|ReadTimeout|Temporary failure in name resolution|Network connectivity is disabled|HTTP status (?:client|server) error/,
  ],
  [
    "unresolvable",
    /No solution found|Couldn't parse requirement|not found in the package registry|No matching distribution|ResolutionImpossible|Invalid requirement|requirements are unsatisfiable/,
  ],
];

/** What the last lines of a failed tool mean. `what` begins the sentence: "Resolving numpy==9.*". */
export function buildErrorFrom(what: string, lines: readonly string[]): EnvironmentBuildError {
  const text = lines.join("\n");
  const trouble = SIGNS.find(([, sign]) => sign.test(text))?.[0] ?? "install_failed";
  return new EnvironmentBuildError(trouble, `${what} failed: ${FACTS[trouble] ?? "the tool says why"}.`, lines);
}

const FACTS: Partial<Record<BuildTrouble, string>> = {
  unresolvable: "the package index has nothing that fits",
  index_unreachable: "the package index did not answer as one",
  disk_full: "the disk is full",
};
