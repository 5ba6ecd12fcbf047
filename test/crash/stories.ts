import type { Iteration, Wanted } from "./iteration.ts";
import { ageRun, toSchema } from "./offline.ts";

export interface Story {
  readonly name: string;
  /** A new home for each crash: for what happens only once in a home. */
  readonly isFresh: boolean;
  /**
   * What is there before the server starts that the crash is planned for. Without it the crash is planned in a server that
   * is at rest, and its start is no part of the story.
   */
  readonly before?: (told: Iteration, zip: Zip) => Promise<void>;
  /** Told from the beginning after each crash; whatever was acknowledged is not asked for again. */
  readonly tell: (told: Iteration, zip: Zip) => Promise<void>;
}

type Zip = Uint8Array<ArrayBuffer>;

const SPEAK = `i=0; while [ $i -lt 40 ]; do echo "line $i of $TRAINING_ID"; i=$((i+1)); done; printf "no newline"`;
const SAVE = `mkdir -p $RESULT_DIR/deep; echo weights-of-$TRAINING_ID > $RESULT_DIR/model; echo 2 > $RESULT_DIR/deep/two`;

/** What the log of `SPEAK` must hold, byte for byte, between the banner and the closing lines. */
export function spoken(id: string): string {
  return `${Array.from({ length: 40 }, (_, line) => `line ${line} of ${id}\n`).join("")}no newline`;
}

const QUICK: Wanted = { body: `${SPEAK}; ${SAVE}` };
const WITH_DATA: Wanted = {
  body: `cat $DATA_DIR/one.txt $DATA_DIR/more/two.txt > /dev/null && ${SPEAK}; ${SAVE}`,
  data: "numbers",
};
const FAILING: Wanted = { body: `${SPEAK}; ${SAVE}`, exitCode: 3, learners: 2 };
const ENDLESS: Wanted = { body: `${SPEAK}; exec sleep 100`, resource: "medium" };
const SLOW: Wanted = { body: `${SPEAK}; sleep 0.6; ${SAVE}` };

export const STORIES: readonly Story[] = [
  {
    name: "first-start",
    isFresh: true,
    before: async () => {},
    tell: async (told, zip) => {
      const run = await told.submit("first", zip, QUICK, "completed");
      await told.end(run);
    },
  },
  {
    name: "train",
    isFresh: false,
    tell: async (told, zip) => {
      const run = await told.submit("run", zip, WITH_DATA, "completed");
      await told.resubmit(run, zip);
      await told.end(run);
    },
  },
  {
    // In a home where nothing is cached yet; the others find their data there.
    name: "first-data",
    isFresh: true,
    before: async () => {},
    tell: async (told, zip) => {
      const run = await told.submit("run", zip, WITH_DATA, "completed");
      await told.end(run);
    },
  },
  {
    name: "fail",
    isFresh: false,
    tell: async (told, zip) => {
      const run = await told.submit("pair", zip, FAILING, "failed");
      await told.end(run);
    },
  },
  {
    name: "stop",
    isFresh: false,
    tell: async (told, zip) => {
      const endless = await told.submit("endless", zip, ENDLESS, "canceled");
      const waiting = await told.submit("waiting", zip, QUICK, "canceled");
      await told.once("it runs", async () => {
        await told.reach(endless, ({ state }) => state === "running");
      });
      await told.stop(waiting);
      await told.stop(endless);
      await told.end(waiting);
      await told.end(endless);
    },
  },
  {
    name: "delete",
    isFresh: false,
    tell: async (told, zip) => {
      const kept = await told.submit("kept", zip, QUICK, "completed");
      const gone = await told.submit("gone", zip, QUICK, "completed");
      await told.end(kept);
      await told.end(gone);
      await told.removeAndRestore(kept);
      await told.removeNow(gone);
    },
  },
  {
    name: "store-in-s3",
    isFresh: false,
    tell: async (told, zip) => {
      const run = await told.submit("run", zip, { ...QUICK, intoS3: true }, "completed");
      await told.end(run);
    },
  },
  {
    name: "adoption",
    isFresh: false,
    before: async (told, zip) => {
      const slow = await told.submit("slow", zip, SLOW, "completed");
      await told.submit("second", zip, { ...SLOW, exitCode: 7 }, "failed");
      await told.submit("waiting", zip, QUICK, "completed");
      await told.reach(slow, ({ state }) => state !== "pending" && state !== "downloading");
    },
    tell: async (told) => {
      for (const run of told.runs.values()) await told.end(run);
    },
  },
  {
    name: "retention",
    isFresh: false,
    before: async (told, zip) => {
      const old = await told.submit("old", zip, QUICK, "completed");
      const young = await told.submit("young", zip, QUICK, "completed");
      await told.end(old);
      await told.end(young);
      await told.world.server.kill();
      await ageRun(told.world.home, old.id, 8);
      await ageRun(told.world.home, young.id, 6);
      old.isDeleteAsked = true;
    },
    tell: async (told) => {
      const old = told.runs.get("old");
      if (old === undefined) return;
      await told.until(14, async () => ((await told.client.get(old.id)) === null ? null : "an old run is still there"));
      old.isDeleted = true;
    },
  },
  {
    name: "upgrade",
    isFresh: false,
    before: async (told, zip) => {
      const slow = await told.submit("slow", zip, { ...SLOW, resource: "medium" }, "completed");
      await told.submit("waiting", zip, QUICK, "completed");
      await told.reach(slow, ({ state }) => state === "running");
      await told.world.server.kill();
      await toSchema(told.world.home, ["0001-initial"]);
    },
    tell: async (told) => {
      for (const run of told.runs.values()) await told.end(run);
    },
  },
];
