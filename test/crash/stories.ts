import { migrations } from "../../src/store/migrations/migrations.ts";
import type { Fault } from "../fakes/s3-fault-server.ts";
import type { Iteration, Wanted } from "./iteration.ts";
import { ageRun, toSchema } from "./offline.ts";

/** In CI every so many steps are met, so that all stories together take about four minutes on two cores. */
export const CI_STRIDE = 6;

/** All but this program's own. */
const SCHEMAS = Object.keys(migrations).slice(0, -1);

export interface Story {
  readonly name: string;
  /** In CI; left out: as of all. */
  readonly stride?: number;
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
const PATIENT: Wanted = {
  body: `${SPEAK}; echo "$TRAINYARD_METRICS_TOKEN" > %FOLDER%/token-$TRAINING_ID; until [ -e %FOLDER%/go-$TRAINING_ID ]; do sleep 0.05; done; ${SAVE}`,
};
/** The first attempt ends itself and its shim, so that nobody can say how. */
const KILLED_ONCE: Wanted = {
  body: `${SPEAK}; if [ $TRAINYARD_ATTEMPT = 1 ]; then kill -KILL 0; fi; ${SAVE}`,
  wishes: "retries: 1",
  attempts: 2,
};
/** Two parts of 16 MiB and a rest. */
const BIG_BYTES = 34_000_000;
const LARGE: Wanted = {
  body: `${SPEAK}; ${SAVE}; yes $TRAINING_ID | head -c ${BIG_BYTES} > $RESULT_DIR/big`,
  intoS3: true,
  bigBytes: BIG_BYTES,
};
const DENIED: Fault = { kind: "error", status: 403, code: "AccessDenied" };
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
      await told.removeForNow(kept);
      await told.restore(kept);
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
    name: "store-large",
    isFresh: false,
    tell: async (told, zip) => {
      const run = await told.submit("run", zip, LARGE, "completed");
      await told.end(run);
    },
  },
  {
    // The bucket refuses everything when the run ends, and is well again when the story begins.
    name: "store-later",
    isFresh: false,
    before: async (told, zip) => {
      told.world.s3.faults = ({ operation }) => (operation === "put" ? DENIED : undefined);
      const run = await told.submit("run", zip, { ...QUICK, intoS3: true, cause: "results_not_stored" }, "failed");
      await told.end(run);
      told.world.s3.faults = () => undefined;
    },
    tell: async (told) => {
      for (const run of told.runs.values()) await told.storeLater(run);
    },
  },
  {
    name: "time-limit",
    isFresh: false,
    tell: async (told, zip) => {
      const run = await told.submit(
        "run",
        zip,
        { ...ENDLESS, wishes: "time_limit: 1s", cause: "time_limit" },
        "failed",
      );
      await told.end(run);
    },
  },
  {
    name: "retry",
    isFresh: false,
    tell: async (told, zip) => {
      const run = await told.submit("run", zip, KILLED_ONCE, "completed");
      await told.end(run);
    },
  },
  {
    name: "metrics",
    isFresh: false,
    tell: async (told, zip) => {
      const run = await told.submit("run", zip, PATIENT, "completed");
      await told.once("it runs", async () => {
        await told.reach(run, ({ state }) => state === "running");
        await told.until(14, async () => told.findToken(run));
      });
      for (let step = 1; step <= 5; step += 1) await told.reportMetric(run, `metric-${step}`, step);
      await told.letGo(run);
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
      const [old, young, purged, restored] = [
        await told.submit("old", zip, QUICK, "completed"),
        await told.submit("young", zip, QUICK, "completed"),
        await told.submit("purged", zip, QUICK, "completed"),
        await told.submit("restored", zip, QUICK, "completed"),
      ];
      for (const run of [old, young, purged, restored]) await told.end(run);
      for (const run of [purged, restored]) await told.removeForNow(run);
      await told.world.server.kill();
      await ageRun(told.world.home, old.id, 8);
      await ageRun(told.world.home, young.id, 6);
      await ageRun(told.world.home, purged.id, 1);
      for (const run of [old, purged]) run.isDeleteAsked = true;
    },
    tell: async (told) => {
      for (const run of told.runs.values()) {
        if (run.isDeleteAsked) await told.vanish(run);
        else if (run.name.endsWith("-restored")) await told.restore(run);
      }
    },
  },
  ...SCHEMAS.map((name, index) => upgradeFrom(name, SCHEMAS.slice(0, index + 1))),
];

/** A program that knew only these migrations left the home, with a run that lives, one that waits and one that has ended. */
function upgradeFrom(name: string, known: readonly string[]): Story {
  return {
    name: `upgrade-from-${name.slice(0, 4)}`,
    isFresh: false,
    stride: known.length === 1 ? CI_STRIDE : 4 * CI_STRIDE,
    before: async (told, zip) => {
      const ended = await told.submit("ended", zip, QUICK, "completed");
      await told.end(ended);
      const slow = await told.submit("slow", zip, { ...SLOW, resource: "medium" }, "completed");
      await told.submit("waiting", zip, QUICK, "completed");
      await told.reach(slow, ({ state }) => state === "running");
      await told.world.server.kill();
      await toSchema(told.world.home, known);
    },
    tell: async (told) => {
      for (const run of told.runs.values()) await told.end(run);
    },
  };
}
