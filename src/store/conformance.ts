import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { newRunId } from "../domain/run-id.ts";
import { advance, amend } from "../domain/run.ts";
import type { Run } from "../domain/run.ts";
import { RUN_STATES, canAdvance, isTerminal, type RunState } from "../domain/run-state.ts";
import type { NewRun, RunQuery, Store } from "./store.ts";

/** A store of its own for one test. */
export interface StoreBundle extends AsyncDisposable {
  readonly store: Store;
  /** Closes the store and opens the same durable state again. */
  reopen(): Promise<Store>;
}

const START = Date.UTC(2026, 0, 1);

/** Times of the tests: whole seconds after a start, so that they survive any database's precision. */
export function second(n: number): Date {
  return new Date(START + n * 1000);
}

export function sampleRun(fields: Partial<Run> & { readonly name?: string } = {}): Run {
  const { name = "handwriting recognition", ...rest } = fields;
  return {
    id: newRunId(),
    owner: "admin",
    spec: {
      name,
      description: "Zeilen\nmit Umlauten: äöü, 漢字, 🚂",
      author: { name: "Erika Mustermann", email: null },
      framework: { name: "tensorflow", version: "1.10", python: null, requirements: null },
      command: 'python3 train.py --data ${DATA_DIR} --quote "\'"',
      devices: 2,
      learners: 1,
      data: {
        bucket: "mnist",
        name: null,
        connection: { type: "s3", endpointUrl: "https://s3.example", region: null },
      },
      results: { bucket: "results", name: "out", connection: { type: "directory", root: null } },
      cpus: null,
      memoryBytes: null,
      deviceType: null,
      checkpoints: "run",
      evaluationMetrics: null,
    },
    definitionSha256: "a".repeat(64),
    definitionSizeBytes: 12_345,
    state: "pending",
    attempt: 1,
    version: 1,
    submittedAt: second(0),
    startedAt: null,
    endedAt: null,
    changedAt: second(0),
    stopRequestedAt: null,
    stopGraceMs: null,
    devices: [],
    environment: null,
    handles: [],
    outcome: null,
    failure: null,
    results: null,
    warnings: [],
    ...rest,
  };
}

function entry(run: Run, more: Partial<NewRun> = {}): NewRun {
  return { run, sealedCredentials: "", idempotencyKey: null, ...more };
}

const ALL: RunQuery = { states: [], name: null, idPrefix: null, limit: 100, cursor: null };

async function insert(store: Store, fields: Parameters<typeof sampleRun>[0] = {}): Promise<Run> {
  const run = sampleRun(fields);
  await store.insertRun(entry(run));
  return run;
}

/** Saves the run in each state in turn. */
async function walk(store: Store, run: Run, ...states: readonly RunState[]): Promise<Run> {
  let last = run;
  for (const state of states) {
    last = advance(last, state, second(last.version));
    await store.saveRun(last, []);
  }
  return last;
}

async function idsOf(store: Store, query: Partial<RunQuery>): Promise<readonly string[]> {
  return (await store.listRuns({ ...ALL, ...query })).runs.map((run) => run.id);
}

async function everyPage(store: Store, query: RunQuery): Promise<readonly Run[]> {
  const runs: Run[] = [];
  let cursor: string | null = query.cursor;
  do {
    const page = await store.listRuns({ ...query, cursor });
    expect(page.runs.length).toBeLessThanOrEqual(query.limit);
    // Also the end of a list that would go round in circles.
    for (const { id } of page.runs) expect(runs.map((run) => run.id)).not.toContain(id);
    runs.push(...page.runs);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return runs;
}

/** What every store promises, whatever it is made of. */
export function describeStore(name: string, open: () => Promise<StoreBundle>): void {
  describe(`${name} as a store`, () => {
    describeInserts(open);
    describeSaves(open);
    describeDeletes(open);
    describePages(open);
    describeLists(open);
    describeEvents(open);
    describeTokens(open);
    describeLife(open);
    describeLaw(open);
  });
}

type Open = () => Promise<StoreBundle>;

function describeInserts(open: Open): void {
  test("a run comes back as it was inserted", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const run = sampleRun();
    expect(await store.insertRun(entry(run))).toEqual({ run, created: true });
    expect(await store.findRun(run.id)).toEqual(run);
    expect(await (await bundle.reopen()).findRun(run.id)).toEqual(run);
  });

  test("an unknown id finds nothing", async () => {
    await using bundle = await open();
    await insert(bundle.store);
    expect(await bundle.store.findRun("training-unknown00")).toBeUndefined();
    expect(await bundle.store.findSealedCredentials("training-unknown00")).toBeUndefined();
    expect(await bundle.store.listEvents("training-unknown00", 0, 10)).toEqual([]);
  });

  test("an id that is taken is refused and the first run stays", async () => {
    await using bundle = await open();
    const run = await insert(bundle.store);
    const second = { ...run, owner: "somebody else" };
    await expect(bundle.store.insertRun(entry(second))).rejects.toMatchObject({ code: "version_conflict" });
    expect(await bundle.store.findRun(run.id)).toEqual(run);
    expect(await idsOf(bundle.store, {})).toEqual([run.id]);
  });

  test("an idempotency key used again by the same owner gives the first run as it is now", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const first = sampleRun();
    await store.insertRun(entry(first, { idempotencyKey: "key-1" }));
    const now = await walk(store, first, "downloading");
    expect(await store.insertRun(entry(sampleRun(), { idempotencyKey: "key-1" }))).toEqual({
      run: now,
      created: false,
    });
    expect(await idsOf(store, {})).toEqual([first.id]);
  });

  test("another owner may use the same idempotency key, and a deleted run's key is free again", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const erika = sampleRun({ owner: "erika" });
    const max = sampleRun({ owner: "max" });
    await store.insertRun(entry(erika, { idempotencyKey: "key-1" }));
    expect(await store.insertRun(entry(max, { idempotencyKey: "key-1" }))).toMatchObject({ created: true });
    await walk(store, erika, "canceled");
    await store.deleteRun(erika.id);
    expect(await store.insertRun(entry(sampleRun({ owner: "erika" }), { idempotencyKey: "key-1" }))).toMatchObject({
      created: true,
    });
  });

  test("many submissions with one key at the same moment make one run", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => store.insertRun(entry(sampleRun(), { idempotencyKey: "key-1" }))),
    );
    expect(answers.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(answers.map(({ run }) => run.id)).size).toBe(1);
    expect(await idsOf(store, {})).toHaveLength(1);
  });

  test("sealed credentials come back only where there were any", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const [with_, without] = [sampleRun(), sampleRun()];
    await store.insertRun(entry(with_, { sealedCredentials: "v1.key.nonce.sealed" }));
    await store.insertRun(entry(without));
    expect(await store.findSealedCredentials(with_.id)).toBe("v1.key.nonce.sealed");
    expect(await store.findSealedCredentials(without.id)).toBeUndefined();
    expect(JSON.stringify(await store.listRuns(ALL))).not.toContain("sealed");
  });
}

function describeSaves(open: Open): void {
  test("every field that may change comes back as it was saved", async () => {
    await using bundle = await open();
    const run = await insert(bundle.store);
    const failure = {
      cause: "program_exit",
      phase: "running",
      attempt: 1,
      learner: null,
      exitCode: 3,
      signal: null,
      message: "python3 train.py ended with exit code 3.",
      hint: "Read the log.",
      logTail: ["Traceback", "ValueError: ü"],
    } as const;
    const saved = amend(run, second(5), {
      startedAt: second(1),
      stopRequestedAt: second(2),
      stopGraceMs: 30_000,
      devices: ["gpu-0", "gpu-3"],
      environment: "PyTorch 1.13.1 on Python 3.11.2",
      handles: [{ pid: 4711, startTicks: 99, place: "local" }],
      outcome: { state: "failed", failure },
      failure,
      results: { objects: 3, sizeBytes: 9_007_199_254_740_991, storedAt: second(4) },
      warnings: ["'a' was odd", "so was 'b'"],
    });
    await bundle.store.saveRun(saved, []);
    expect(await bundle.store.findRun(run.id)).toEqual(saved);
    expect(await (await bundle.reopen()).findRun(run.id)).toEqual(saved);
  });

  test("a save on top of a stale version is refused and changes nothing", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const run = await insert(store);
    const ahead = amend(run, second(1), { environment: "first" });
    await store.saveRun(ahead, []);
    const late = amend(run, second(2), { environment: "second" });
    await expect(store.saveRun(late, [{ type: "state", message: "late" }])).rejects.toMatchObject({
      code: "version_conflict",
    });
    await expect(store.saveRun({ ...ahead, version: 9 }, [])).rejects.toMatchObject({ code: "version_conflict" });
    expect(await store.findRun(run.id)).toEqual(ahead);
    expect((await store.listEvents(run.id, 0, 10)).map(({ type }) => type)).toEqual(["submitted"]);
  });

  test("of many saves on top of one version exactly one is taken", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const run = await insert(store);
    const rivals = Array.from({ length: 10 }, (_, i) => amend(run, second(1), { environment: `rival ${i}` }));
    const results = await Promise.allSettled(
      rivals.map((rival) => store.saveRun(rival, [{ type: "state", message: rival.environment ?? "" }])),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const winner = rivals[results.findIndex(({ status }) => status === "fulfilled")];
    expect(await store.findRun(run.id)).toEqual(winner);
    expect((await store.listEvents(run.id, 1, 10)).map(({ message }) => message)).toEqual([winner?.environment]);
  });

  test("a save of a run that is not there is run_not_found", async () => {
    await using bundle = await open();
    const { store } = bundle;
    await expect(store.saveRun(amend(sampleRun(), second(1), {}), [])).rejects.toMatchObject({ code: "run_not_found" });
  });

  test("a refused write among others at the same moment harms none of them", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const run = await insert(store);
    const results = await Promise.allSettled([
      insert(store),
      store.saveRun(sampleRun({ version: 2 }), []),
      insert(store),
      store.deleteRun(run.id),
      insert(store),
    ]);
    expect(results.map(({ status }) => status)).toEqual([
      "fulfilled",
      "rejected",
      "fulfilled",
      "rejected",
      "fulfilled",
    ]);
    expect(await idsOf(store, {})).toHaveLength(4);
  });
}

function describeDeletes(open: Open): void {
  test.each(RUN_STATES.filter((state) => !isTerminal(state)))("a run that is %s cannot be deleted", async (state) => {
    await using bundle = await open();
    const { store } = bundle;
    const run = await insert(store, { state });
    await expect(store.deleteRun(run.id)).rejects.toMatchObject({ code: "run_not_ended" });
    expect(await store.findRun(run.id)).toEqual(run);
  });

  test.each(RUN_STATES.filter(isTerminal))("a run that is %s goes with its events and credentials", async (state) => {
    await using bundle = await open();
    const { store } = bundle;
    const run = sampleRun({ state, endedAt: second(1) });
    await store.insertRun(entry(run, { sealedCredentials: "v1.sealed" }));
    const other = await insert(store);
    expect(await store.deleteRun(run.id)).toBe(true);
    expect(await store.deleteRun(run.id)).toBe(false);
    expect(await store.findRun(run.id)).toBeUndefined();
    expect(await store.findSealedCredentials(run.id)).toBeUndefined();
    expect(await store.listEvents(run.id, 0, 10)).toEqual([]);
    expect(await idsOf(store, {})).toEqual([other.id]);
    expect(await idsOf(store, { name: run.spec.name })).toEqual([other.id]);
  });

  test("deleting a run that is not there is false", async () => {
    await using bundle = await open();
    const { store } = bundle;
    expect(await store.deleteRun("training-unknown00")).toBe(false);
  });
}

function describePages(open: Open): void {
  test("runs are listed newest first, page by page, each once", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const inserted: string[] = [];
    for (let i = 0; i < 7; i += 1) inserted.unshift((await insert(store)).id);
    const first = await store.listRuns({ ...ALL, limit: 3 });
    expect(first.runs.map(({ id }) => id)).toEqual(inserted.slice(0, 3));
    expect((await everyPage(store, { ...ALL, limit: 3 })).map(({ id }) => id)).toEqual(inserted);
    expect((await store.listRuns({ ...ALL, limit: 7 })).nextCursor).toBeNull();
  });

  test("pages stay where they are while runs are inserted and deleted", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const runs: Run[] = [];
    for (let i = 0; i < 6; i += 1) runs.unshift(await insert(store, { state: "failed", endedAt: second(1) }));
    const first = await store.listRuns({ ...ALL, limit: 2 });
    await insert(store);
    // The run that the cursor stands on goes away too.
    for (const run of runs.slice(1, 2)) await store.deleteRun(run.id);
    const rest = await everyPage(store, { ...ALL, limit: 2, cursor: first.nextCursor });
    expect(rest.map(({ id }) => id)).toEqual(runs.slice(2).map(({ id }) => id));
  });

  test("the place of a deleted run is not given to a newer one", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const oldest = await insert(store);
    const ended = { state: "failed", endedAt: second(1) } as const;
    const [second_, newest] = [await insert(store, ended), await insert(store, ended)];
    const { nextCursor } = await store.listRuns({ ...ALL, limit: 1 });
    await store.deleteRun(newest.id);
    await store.deleteRun(second_.id);
    await insert(store);
    expect((await everyPage(store, { ...ALL, cursor: nextCursor })).map(({ id }) => id)).toEqual([oldest.id]);
  });

  test.each<Partial<RunQuery>>([
    {},
    { states: ["failed"] },
    { states: ["failed", "completed"] },
    { name: "digits" },
    { name: "di" },
    { name: "digits", states: ["failed"] },
    { idPrefix: "training-a" },
    { idPrefix: "training-a", name: "digits", states: ["failed"] },
  ])("with %o every run is on one page and no page is too long", async (query) => {
    await using bundle = await open();
    const { store } = bundle;
    const inserted: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      const id = `training-a0000000${i}`;
      await insert(store, { id, name: `digits ${i}`, state: "failed", endedAt: second(1) });
      await insert(store, { id: `training-b0000000${i}`, name: `fashion ${i}` });
      inserted.unshift(id);
    }
    const found = (await everyPage(store, { ...ALL, ...query, limit: 2 })).map(({ id }) => id);
    expect(found.filter((id) => id.startsWith("training-a"))).toEqual(inserted);
    expect(found).toHaveLength(Object.keys(query).length === 0 ? 10 : 5);
  });

  test("states, name and the beginning of the id narrow the list, alone and together", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const a = await insert(store, { id: "training-aaaa00001", name: "MNIST digits", state: "pending" });
    const b = await insert(store, { id: "training-aaaa00002", name: "mnist fashion", state: "running" });
    const c = await insert(store, { id: "training-bbbb00001", name: "CIFAR", state: "failed", endedAt: second(1) });
    const d = await insert(store, {
      id: "training-aaab00001",
      name: "Mnist again",
      state: "failed",
      endedAt: second(1),
    });
    const of = (query: Partial<RunQuery>) => idsOf(store, query);
    expect(await of({ states: ["failed"] })).toEqual([d.id, c.id]);
    expect(await of({ states: ["failed", "pending"] })).toEqual([d.id, c.id, a.id]);
    expect(await of({ states: ["failed", "failed"] })).toEqual([d.id, c.id]);
    expect(await of({ states: ["completed"] })).toEqual([]);
    expect(await of({ name: "mNiSt" })).toEqual([d.id, b.id, a.id]);
    expect(await of({ name: "" })).toEqual([d.id, c.id, b.id, a.id]);
    expect(await of({ idPrefix: "training-aaaa" })).toEqual([b.id, a.id]);
    expect(await of({ idPrefix: "train" })).toEqual([d.id, c.id, b.id, a.id]);
    expect(await of({ idPrefix: "" })).toEqual([d.id, c.id, b.id, a.id]);
    expect(await of({ idPrefix: c.id })).toEqual([c.id]);
    expect(await of({ idPrefix: "aaaa" })).toEqual([]);
    expect(await of({ idPrefix: "TRAINING-AAAA" })).toEqual([]);
    expect(await of({ name: "mnist", states: ["failed", "running"], idPrefix: "training-aaa" })).toEqual([d.id, b.id]);
    expect(await of({ name: "mnist", states: ["failed"] })).toEqual([d.id]);
    expect(await of({ name: "fa", idPrefix: "training-a" })).toEqual([b.id]);
  });

  test.each([
    ["100%", "accuracy 100% of 5", "accuracy 1000 of 5"],
    ["a_b", "net_a_b", "net_axb"],
    ["a%b", "net_a%b", "net_aXb"],
    ["%", "5 %", "5 pct"],
    ["\\", "C:\\data", "C:/data"],
    ['"or"', 'this "or" that', "this or that"],
    ["x OR y", "try x OR y", "try x, y"],
    ["*", "all*", "all"],
    ["'; drop", "it's'; drop", "it's drop"],
    ["ÄÖ", "große äöü", "große aou"],
    ["漢字", "das 漢字 netz", "das 漢 字 netz"],
    ["🚂", "zug 🚂", "zug 🚃"],
    ["  ", "two  blanks", "one blank"],
  ])("the name part %j means these letters and nothing else", async (part, hit, miss) => {
    await using bundle = await open();
    const { store } = bundle;
    const found = await insert(store, { name: hit });
    await insert(store, { name: miss });
    expect(await idsOf(store, { name: part })).toEqual([found.id]);
  });

  test.each(["", "x", "cnVuOjA", "cnVuOg", "cnVuOjE=", "cnVuOi0x", "cnVuOjk5OTk5OTk5OTk5OTk5OTk5OTk", "1", "%00"])(
    "the cursor %j is refused",
    async (cursor) => {
      await using bundle = await open();
      const { store } = bundle;
      await expect(store.listRuns({ ...ALL, cursor })).rejects.toMatchObject({ code: "request_invalid" });
    },
  );
}

function describeLists(open: Open): void {
  test("runs are counted by state through every change", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const none = Object.fromEntries(RUN_STATES.map((state) => [state, 0]));
    expect(await store.countRuns()).toEqual(none);
    const [first] = [await insert(store), await insert(store)];
    expect(await store.countRuns()).toEqual({ ...none, pending: 2 });
    await walk(store, first, "downloading", "storing", "failed");
    expect(await store.countRuns()).toEqual({ ...none, pending: 1, failed: 1 });
    await store.deleteRun(first.id);
    expect(await (await bundle.reopen()).countRuns()).toEqual({ ...none, pending: 1 });
  });

  test("runs that have not ended are listed oldest first", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const runs = [await insert(store), await insert(store), await insert(store)];
    const ended = await walk(store, runs[1] as Run, "canceled");
    const moved = await walk(store, runs[0] as Run, "downloading");
    expect(await store.listUnendedRuns()).toEqual([moved, runs[2]]);
    expect(ended.endedAt).not.toBeNull();
  });

  test("runs that ended before a time are listed oldest end first, bounded, and never one that has not ended", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const end = (n: number) => insert(store, { state: "failed", endedAt: second(n) });
    const [late, early, middle] = [await end(30), await end(10), await end(20)];
    await insert(store);
    expect(await store.listRunsEndedBefore(second(30), 10)).toEqual([early.id, middle.id]);
    expect(await store.listRunsEndedBefore(second(31), 2)).toEqual([early.id, middle.id]);
    expect(await store.listRunsEndedBefore(second(10), 10)).toEqual([]);
    expect(await store.listRunsEndedBefore(second(1e9), 10)).toEqual([early.id, middle.id, late.id]);
  });

  test("a model definition is used until the last run with it is deleted", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const ended = { state: "failed", endedAt: second(1), definitionSha256: "b".repeat(64) } as const;
    const [one, two] = [await insert(store, ended), await insert(store, ended)];
    expect(await store.isDefinitionUsed("b".repeat(64))).toBe(true);
    expect(await store.isDefinitionUsed("c".repeat(64))).toBe(false);
    await store.deleteRun(one.id);
    expect(await store.isDefinitionUsed("b".repeat(64))).toBe(true);
    await store.deleteRun(two.id);
    expect(await store.isDefinitionUsed("b".repeat(64))).toBe(false);
  });
}

function describeEvents(open: Open): void {
  test("a run's story begins with its submission and grows in order", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const run = await insert(store, { owner: "erika" });
    await insert(store);
    await store.saveRun(amend(run, second(1), {}), [
      { type: "warning", message: "odd" },
      { type: "state", message: "went on" },
    ]);
    const events = await store.listEvents(run.id, 0, 10);
    expect(events).toEqual([
      { runId: run.id, sequence: 1, at: expect.any(Date), type: "submitted", message: "Submitted by erika." },
      { runId: run.id, sequence: 2, at: expect.any(Date), type: "warning", message: "odd" },
      { runId: run.id, sequence: 3, at: expect.any(Date), type: "state", message: "went on" },
    ]);
    expect(await store.listEvents(run.id, 1, 1)).toEqual(events.slice(1, 2));
    expect(await store.listEvents(run.id, 3, 10)).toEqual([]);
  });
}

function describeTokens(open: Open): void {
  const token = { sha256: "1".repeat(64), account: "admin", name: "laptop", createdAt: second(1) };

  test("a token is found by its hash, also after it was saved again and the store was opened again", async () => {
    await using bundle = await open();
    await bundle.store.saveToken(token);
    await bundle.store.saveToken({ ...token, createdAt: second(2) });
    expect(await bundle.store.findToken(token.sha256)).toEqual(token);
    expect(await bundle.store.findToken("2".repeat(64))).toBeUndefined();
    expect(await (await bundle.reopen()).findToken(token.sha256)).toEqual(token);
  });

  test("a new token takes the place of the one with the same account and name, and of no other", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const others = [
      { ...token, sha256: "2".repeat(64), name: "server" },
      { ...token, sha256: "3".repeat(64), account: "erika" },
    ];
    for (const one of [token, ...others, { ...token, sha256: "4".repeat(64) }]) await store.saveToken(one);
    expect(await store.findToken(token.sha256)).toBeUndefined();
    for (const one of others) expect(await store.findToken(one.sha256)).toEqual(one);
    expect(await store.findToken("4".repeat(64))).toMatchObject({ name: "laptop" });
  });
}

function describeLife(open: Open): void {
  test("closing waits for the writes that were accepted, may be repeated, and refuses what comes after", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const writes = [insert(store), insert(store), insert(store)];
    await Promise.all([store.close(), store.close()]);
    const inserted = await Promise.all(writes);
    await expect(insert(store)).rejects.toMatchObject({ code: "shutting_down" });
    await expect(store.listRuns(ALL)).rejects.toMatchObject({ code: "shutting_down" });
    expect(new Set(await idsOf(await bundle.reopen(), {}))).toEqual(new Set(inserted.map(({ id }) => id)));
  });
}

/** The plainest thing that keeps the promises: what the law below compares with. */
class Model {
  runs: { run: Run; idempotencyKey: string | null; events: number }[] = [];

  find(id: string) {
    return this.runs.find(({ run }) => run.id === id);
  }

  insert({ run, idempotencyKey }: NewRun): { run: Run; created: boolean } {
    const earlier = this.runs.find(
      (known) => idempotencyKey !== null && known.idempotencyKey === idempotencyKey && known.run.owner === run.owner,
    );
    if (earlier !== undefined) return { run: earlier.run, created: false };
    this.runs.push({ run, idempotencyKey, events: 1 });
    return { run, created: true };
  }

  list({ states, name, idPrefix }: RunQuery): readonly Run[] {
    return this.runs
      .map(({ run }) => run)
      .filter(
        ({ state, spec, id }) =>
          (states.length === 0 || states.includes(state)) &&
          spec.name.toLowerCase().includes((name ?? "").toLowerCase()) &&
          id.startsWith(idPrefix ?? ""),
      )
      .reverse();
  }
}

type Step =
  | {
      readonly do: "insert";
      readonly name: string;
      readonly owner: string;
      readonly key: string | null;
      readonly definition: string;
    }
  | { readonly do: "move"; readonly pick: number; readonly to: number; readonly stale: boolean }
  | { readonly do: "delete"; readonly pick: number }
  | { readonly do: "list"; readonly query: Omit<RunQuery, "cursor"> }
  | { readonly do: "reopen" };

/** Few, and parts of each other, so that pages have something to divide. */
const word = fc.constantFrom("a", "ab", "AB", "abab", "aBaB%", "b_ab", "_", '"');
const pick = fc.nat(30);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("insert" as const),
      name: word,
      owner: fc.constantFrom("erika", "max"),
      key: fc.option(fc.constantFrom("k1", "k2", "k3"), { freq: 2 }),
      definition: fc.constantFrom("d1", "d2"),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("move" as const), pick, to: fc.nat(6), stale: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("delete" as const), pick }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("list" as const),
      query: fc.record({
        states: fc.uniqueArray(fc.constantFrom(...RUN_STATES), { maxLength: 3 }),
        name: fc.option(word),
        idPrefix: fc.option(fc.constantFrom("training-0", "training-1", "training-", "training-2")),
        limit: fc.integer({ min: 1, max: 4 }),
      }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: "reopen" as const }) },
);

function describeLaw(open: Open): void {
  test(
    "whatever is done in whatever order, the store agrees with the plainest model",
    { timeout: 60_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60, size: "max" }), async (steps) => {
          await using bundle = await open();
          const model = new Model();
          let store = bundle.store;
          for (const [time, one] of steps.entries()) {
            if (one.do === "reopen") store = await bundle.reopen();
            else await follow(store, model, one, second(time));
          }
          await compare(store, model, steps.length);
        }),
        { numRuns: 25 },
      );
    },
  );
}

async function follow(store: Store, model: Model, one: Exclude<Step, { do: "reopen" }>, now: Date): Promise<void> {
  if (one.do === "insert") {
    const n = (now.getTime() - START) / 1000;
    const run = sampleRun({
      // Odd and even, so that the beginning of an id fits half of the runs.
      id: `training-${n % 2}${String(n).padStart(8, "0")}`,
      name: one.name,
      owner: one.owner,
      definitionSha256: one.definition,
      submittedAt: now,
      changedAt: now,
    });
    const expected = model.insert(entry(run, { idempotencyKey: one.key }));
    expect(await store.insertRun(entry(run, { idempotencyKey: one.key }))).toEqual(expected);
    return;
  }
  if (one.do === "list") {
    expect(await everyPage(store, { ...one.query, cursor: null })).toEqual(model.list({ ...one.query, cursor: null }));
    return;
  }
  const known = model.runs[one.pick];
  if (known === undefined) return;
  if (one.do === "move") await move(store, known, RUN_STATES[one.to] as RunState, one.stale, now);
  else if (isTerminal(known.run.state)) {
    expect(await store.deleteRun(known.run.id)).toBe(true);
    model.runs.splice(one.pick, 1);
  } else await expect(store.deleteRun(known.run.id)).rejects.toMatchObject({ code: "run_not_ended" });
}

async function move(
  store: Store,
  known: Model["runs"][number],
  to: RunState,
  isStale: boolean,
  now: Date,
): Promise<void> {
  const next = canAdvance(known.run.state, to) ? advance(known.run, to, now) : amend(known.run, now, {});
  const events = [{ type: "state", message: to }];
  if (isStale) {
    const stale = { ...next, version: known.run.version };
    await expect(store.saveRun(stale, events)).rejects.toMatchObject({ code: "version_conflict" });
    return;
  }
  await store.saveRun(next, events);
  known.run = next;
  known.events += 1;
}

async function compare(store: Store, model: Model, end: number): Promise<void> {
  const runs = model.runs.map(({ run }) => run);
  for (const { run, events } of model.runs) {
    expect(await store.findRun(run.id)).toEqual(run);
    expect((await store.listEvents(run.id, 0, 1000)).map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: events }, (_, i) => i + 1),
    );
  }
  expect(await store.listUnendedRuns()).toEqual(runs.filter(({ state }) => !isTerminal(state)));
  for (const state of RUN_STATES) {
    expect((await store.countRuns())[state]).toBe(runs.filter((run) => run.state === state).length);
  }
  const half = second(Math.floor(end / 2));
  const gone = runs.filter(({ endedAt }) => endedAt !== null && endedAt < half);
  const oldestFirst = gone.toSorted((a, b) => Number(a.endedAt) - Number(b.endedAt));
  expect(await store.listRunsEndedBefore(half, 1000)).toEqual(oldestFirst.map(({ id }) => id));
  for (const definition of ["d1", "d2"]) {
    expect(await store.isDefinitionUsed(definition)).toBe(runs.some((run) => run.definitionSha256 === definition));
  }
}
