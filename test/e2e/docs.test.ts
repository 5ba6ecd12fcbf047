// The pages' commands do what the pages say: each page in a fresh home, in order, against a real server.
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { describe, expect, test } from "vitest";
import { isAvailable } from "../../tools/requirements.ts";
import { startRadosgw } from "../servers/radosgw.ts";
import { connectS3, makeBuckets } from "../servers/s3-client.ts";
import { comparable, matches, Names } from "./docs-output.ts";
import { type Page, readPage, type Step } from "./docs-page.ts";
import { startSwift } from "./docs-swift.ts";
import { Background, type Surroundings, Terminal } from "./docs-terminal.ts";
import { ROOT } from "./service.ts";

const PAGES = ["README.md", ...globSync("docs/**/*.md", { cwd: ROOT }).toSorted()].map(readPage);

/** What a page may show without a run, and why that is not run here. */
const SHOWN_ONLY: readonly (readonly [command: RegExp, reason: string])[] = [
  [/^git clone /, "it fetches the sources that are here already"],
  [/^cd \S+$/, "it leads to what was fetched"],
  [/^(sudo )?apt-get install /, "it installs packages"],
  [/^npm ci( && npm (run demo|test))?$/, "it installs packages; demo and tests check themselves"],
  [/^sudo (systemctl|tar) /, "it needs systemd"],
  [/^trainyard results retry /, "it needs a bucket that was away"],
];
const MOST_SHOWN_ONLY = 12;

/** Commands that only look: where a run is on its way, the reader looks again, and so does the test. */
const LOOKING = /^(trainyard (list|show|logs|results|events)|bx ml (list|show))\b(?!.* -f\b)/;
const LOOK_AGAIN_MS = 15_000;

const STOP_ALL =
  "trainyard list --state pending,downloading,running -o name | xargs -r -n1 trainyard stop -q --wait --grace 0";

/** Who follows the pages is Ann, and her checkout is in ~/trainyard. */
const ANN = "/home/ann";
const URL_OF_PAGES = "http://127.0.0.1:7878";
const S3_WORDS = { endpoint: "https://s3.example.com", keyId: "EXAMPLEKEYID", secret: "EXAMPLESECRET" };

for (const page of PAGES.filter(({ blocks }) => blocks.some(({ kind }) => kind === "session"))) {
  test.skipIf(!canRun(page))(`the commands of ${page.path} do what it says`, async () => follow(page));
}

describe("commands that are shown and not run", () => {
  for (const { path, line, commands } of shownOnly()) {
    const reason = SHOWN_ONLY.find(([pattern]) => pattern.test(commands.at(-1) ?? ""))?.[1];
    test(`${path}:${line} ${commands.at(-1)}: ${reason}`, () => {
      const unknown = commands.filter((command) => !SHOWN_ONLY.some(([pattern]) => pattern.test(command)));
      expect(unknown).toEqual([]);
    });
  }
});

test("every shell block of the pages is run, or says that it is only shown", () => {
  const undecided = PAGES.flatMap(({ path, blocks }) =>
    blocks.filter(({ kind }) => kind === "undecided").map(({ line }) => `${path}:${line}`),
  );
  expect(undecided).toEqual([]);
  expect(shownOnly().length).toBeLessThanOrEqual(MOST_SHOWN_ONLY);
});

test("every link between the pages leads to a file", () => {
  const broken = PAGES.flatMap(({ path }) => {
    const links = readFileSync(join(ROOT, path), "utf8").matchAll(/\]\((?!https?:)([^)#]+)(#[^)]*)?\)/g);
    return [...links].map(([, target = ""]) => target).filter((target) => !exists(join(ROOT, path, "..", target)));
  });
  expect(broken).toEqual([]);
});

function exists(path: string): boolean {
  return globSync(path).length > 0;
}

function shownOnly() {
  return PAGES.flatMap(({ path, blocks }) =>
    blocks.flatMap((block) => (block.kind === "shown_only" ? [{ ...block, path }] : [])),
  );
}

function stepsOf(page: Page): readonly Step[] {
  return page.blocks.flatMap((block) => (block.kind === "session" ? block.steps : []));
}

/** A page that needs what this machine does not have is left out; never in CI. */
function canRun(page: Page): boolean {
  const commands = stepsOf(page).map(({ command }) => command);
  if (commands.some((command) => /\b(un)?zip /.test(command)) && !isAvailable("info-zip")) return false;
  if (commands.some((command) => /\bcurl /.test(command)) && !isAvailable("curl")) return false;
  const builds = commands.some((command) => command.startsWith("trainyard environments build"));
  if (builds && !isAvailable("package-index")) return false;
  if (page.needsSwift && !isAvailable("swift")) return false;
  return !page.needsS3 || isAvailable("s3");
}

async function follow(page: Page): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "trainyard-docs-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  const home = join(folder, "ann");
  mkdirSync(home);
  symlinkSync(ROOT, join(home, "trainyard"));
  const names = new Names(readFileSync(join(ROOT, page.path), "utf8"));
  names.learn(home, ANN);
  names.learn(ROOT, `${ANN}/trainyard`);
  if (page.needsS3) await startS3(page, names, stack);
  if (page.needsSwift) await startSwift(page, names, stack);
  const { PATH = "" } = process.env;
  const env = { PATH: `${ROOT}/bin:${PATH}`, HOME: home, LANG: "C.UTF-8", TRAINYARD_LISTEN: "127.0.0.1:0" };
  const surroundings: Surroundings = { cwd: home, env };
  const reader = new Reader(page, names, stack.use(new Terminal(folder, surroundings)), surroundings);
  stack.use(reader);
  await reader.readOn();
}

/** Does what the page says, block by block. */
class Reader implements AsyncDisposable {
  readonly #page: Page;
  readonly #names: Names;
  readonly #terminal: Terminal;
  readonly #surroundings: Surroundings;
  #other: Background | null = null;
  #isDone = false;

  constructor(page: Page, names: Names, terminal: Terminal, surroundings: Surroundings) {
    this.#page = page;
    this.#names = names;
    this.#terminal = terminal;
    this.#surroundings = surroundings;
  }

  async readOn(): Promise<void> {
    const { blocks } = this.#page;
    // A page that does not start a server itself says that one runs.
    if (!blocks.some(({ kind }) => kind === "own_terminal"))
      await this.#beside(
        ["trainyard serve"],
        [`Trainyard is ready at ${URL_OF_PAGES} (home: ${ANN}/.local/share/trainyard)`],
      );
    for (const block of blocks) {
      if (block.kind === "own_terminal") await this.#inOwnTerminal(block.steps);
      else if (block.kind === "file") await this.#save(block.name, block.text);
      else if (block.kind === "session")
        for (const [i, step] of block.steps.entries()) await this.#type(step, block.steps[i + 1]);
    }
    this.#isDone = true;
  }

  async #save(name: string, text: string): Promise<void> {
    const { output } = await this.#terminal.run("pwd");
    writeFileSync(join(output.trim(), name), this.#names.toHere(text));
  }

  async #type(step: Step, next: Step | undefined): Promise<void> {
    const command = this.#names.toHere(step.command);
    const expected = comparable(step.expected.join("\n"));
    const deadline = Date.now() + (LOOKING.test(command) ? LOOK_AGAIN_MS : 0);
    for (;;) {
      const { code, output } = await this.#terminal.run(command);
      const actual = comparable(this.#names.toPage(output));
      const isExpected = matches(actual, expected) && (code === 0 || next?.command === "echo $?");
      if (isExpected) return;
      if (Date.now() > deadline)
        expect({ code, actual }, `${this.#page.path}:${step.line}: ${step.command}`).toEqual({
          code: 0,
          actual: expected,
        });
      await delay(200);
    }
  }

  async #inOwnTerminal(steps: readonly Step[]): Promise<void> {
    const isInterrupted = steps[0]?.command === "^C";
    if (isInterrupted) {
      await this.#other?.interrupt();
      this.#other = null;
    }
    const typed = isInterrupted ? steps.slice(1) : steps;
    if (typed.length === 0) return;
    const commands = typed.map(({ command }) => this.#names.toHere(command));
    await this.#beside(
      commands,
      typed.flatMap(({ expected }) => expected),
    );
  }

  /** Waits for the lines that the page shows; a program that goes on may print others between them. */
  async #beside(commands: readonly string[], shown: readonly string[]): Promise<void> {
    const other = new Background(commands, this.#surroundings);
    this.#other = other;
    const expected = comparable(shown.flatMap((line) => ["...", line, "..."]).join("\n"));
    const complaint = `${this.#page.path}: '${commands.at(-1)}' did not print '${shown.join(" / ")}'`;
    const output = await other.until((text) => matches(comparable(this.#names.toPage(text)), expected), complaint);
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(output) ?? [];
    if (url !== undefined) this.#names.learn(url, URL_OF_PAGES);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Pages end their runs; where one was not read to its end, a program could outlive the test.
    if (!this.#isDone) await this.#terminal.run(STOP_ALL);
    await this.#other?.[Symbol.asyncDispose]();
  }
}

/** A real S3 server with the bucket that the page's manifest takes its data from. */
async function startS3(page: Page, names: Names, stack: AsyncDisposableStack): Promise<void> {
  const server = stack.use(await startRadosgw());
  const { endpoint, accessKeyId, secretAccessKey } = server;
  const client = connectS3(server);
  const files = page.blocks.flatMap((block) => (block.kind === "file" ? [block.text] : []));
  for (const Bucket of new Set(files.join("\n").match(/(?<=bucket: )\S+/g))) {
    await makeBuckets(client, Bucket);
    if (Bucket.endsWith("-data"))
      await client.send(new PutObjectCommand({ Bucket, Key: "train.csv", Body: "1,2\n3,4\n" }));
  }
  client.destroy();
  names.learn(endpoint, S3_WORDS.endpoint);
  names.learn(accessKeyId, S3_WORDS.keyId);
  names.learn(secretAccessKey, S3_WORDS.secret);
}
