import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { EvaluationMetrics } from "../../domain/training-spec.ts";
import { findEventFiles } from "./find-event-files.ts";
import { resolveIn, type MetricFolders } from "./metric-folders.ts";
import { metricSources } from "./metric-sources.ts";
import { readGrowth } from "./read-growth.ts";

const FOLDERS: MetricFolders = { logs: "/r/learner-1", state: "/r/state", results: "/r/results", code: "/r/code" };

function wish(fields: Partial<EvaluationMetrics>): EvaluationMetrics {
  return { type: "tensorboard", in: null, lineLookahead: null, eventTypes: null, groups: [], ...fields };
}

async function place(): Promise<AsyncDisposable & { readonly root: string }> {
  const root = await mkdtemp(join(tmpdir(), "sources-"));
  return { root, [Symbol.asyncDispose]: async () => rm(root, { recursive: true, force: true }) };
}

test.each([
  ["$JOB_STATE_DIR/logs/tb", "/r/state/logs/tb"],
  ["${LOG_DIR}", "/r/learner-1"],
  ["$RESULT_DIR//tb/./x", "/r/results/tb/x"],
])("a manifest's '%s' is a folder of the run", (text, path) => {
  expect(resolveIn(text, FOLDERS)).toBe(path);
});

test("whatever a manifest names, it lies within the run's own folders or nowhere", () => {
  const name = fc.constantFrom("..", ".", "", "tb", "a\0b", "$HOME", "x/../..", "logs");
  fc.assert(
    fc.property(
      fc.constantFrom("$LOG_DIR", "${JOB_STATE_DIR}", "$HOME", "/etc", ""),
      fc.array(name),
      (start, names) => {
        const path = resolveIn([start, ...names].join("/"), FOLDERS);
        if (path !== null) expect(path).toMatch(/^\/r\/(?:learner-1|state)(?:\/|$)/u);
        if (path !== null) expect(path.split("/")).not.toContain("..");
      },
    ),
  );
});

test("where the manifest says nothing, the log, IBM's file and event files in every folder are read", () => {
  const { files, eventRoots } = metricSources(null, FOLDERS);
  expect(files.map(({ name, order }) => [name, order.kind])).toEqual([
    ["training-log.txt", "log"],
    ["evaluation-metrics.txt", "ibm"],
  ]);
  expect(eventRoots).toContain("/r/code");
});

test("each of FfDL's collectors reads what it names, and only that", () => {
  const regex = metricSources(
    wish({ type: "regex_extractor", groups: [{ label: "a", regex: "x", meta: {}, scalars: [], etimes: [] }] }),
    FOLDERS,
  );
  expect(regex.files.map(({ name }) => name)).toEqual(["training-log.txt", "user_log.txt"]);
  expect(regex.eventRoots).toBeNull();
  expect(metricSources(wish({ in: "$JOB_STATE_DIR/logs/tb" }), FOLDERS)).toEqual({
    files: [],
    eventRoots: ["/r/state/logs/tb"],
    warnings: [],
  });
  expect(metricSources(wish({ type: "emetrics_file" }), FOLDERS).files[0]?.path).toBe(
    "/r/learner-1/evaluation-metrics.txt",
  );
  expect(metricSources(wish({ type: "logger" }), FOLDERS)).toEqual({ files: [], eventRoots: null, warnings: [] });
});

test("a place outside the run is named in a warning, and the usual places are read", () => {
  const { eventRoots, warnings } = metricSources(wish({ in: "/etc" }), FOLDERS);
  expect(warnings[0]).toMatch(/'evaluation_metrics\.in' is '\/etc'/u);
  expect(eventRoots).toHaveLength(4);
});

test("event files are found with their group, and no link is followed", async () => {
  await using here = await place();
  const { root } = here;
  await mkdir(join(root, "logs", "tb", "train"), { recursive: true });
  await mkdir(join(root, "outside"));
  for (const path of [
    "logs/tb/train/events.out.tfevents.1",
    "events.out.tfevents.2",
    "outside/events.out.tfevents.3",
    "notes.txt",
  ]) {
    await writeFile(join(root, path), "");
  }
  await mkdir(join(root, "in"));
  await symlink(join(root, "outside"), join(root, "in", "way-out"));
  await symlink(join(root, "outside", "events.out.tfevents.3"), join(root, "in", "events.out.tfevents.4"));
  const found = await findEventFiles([
    join(root, "logs"),
    join(root, "in"),
    join(root, "logs", "tb"),
    join(root, "absent"),
  ]);
  expect(found.map(({ group, name }) => [group, name])).toEqual([["train", "events.out.tfevents.1"]]);
  const [top] = await findEventFiles([root]);
  expect(top).toMatchObject({ group: "", name: "events.out.tfevents.2" });
});

test("growth is what lies behind the offset, in portions, and a link or a folder is no file", async () => {
  await using here = await place();
  const path = join(here.root, "log");
  expect(await readGrowth(path, 0, 10)).toBeNull();
  await writeFile(path, "0123456789");
  expect(await readGrowth(path, 4, 4)).toEqual({
    bytes: Uint8Array.from(Buffer.from("4567")),
    isAll: false,
    isShorter: false,
  });
  expect(await readGrowth(path, 8, 4)).toMatchObject({ isAll: true });
  expect(await readGrowth(path, 11, 4)).toMatchObject({ isShorter: true });
  await symlink(path, join(here.root, "link"));
  expect(await readGrowth(join(here.root, "link"), 0, 10)).toBeNull();
  expect(await readGrowth(here.root, 0, 10)).toBeNull();
});
