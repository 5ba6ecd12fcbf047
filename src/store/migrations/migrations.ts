import type { Migration } from "kysely/migration";
import { initial } from "./0001-initial.ts";
import { attemptsAndDeletion } from "./0002-attempts-and-deletion.ts";
import { deletedRunsApart } from "./0003-deleted-runs-apart.ts";
import { timeLimitsAndRetries } from "./0004-time-limits-and-retries.ts";
import { smallDefinitions } from "./0005-small-definitions.ts";
import { metrics } from "./0006-metrics.ts";

/**
 * Every step from an empty database to this program's, in order. A released step never changes;
 * a new one is added at the end (`contributing/checklists/migration.md`).
 */
export const migrations: Readonly<Record<string, Migration>> = {
  "0001-initial": { up: initial },
  "0002-attempts-and-deletion": { up: attemptsAndDeletion },
  "0003-deleted-runs-apart": { up: deletedRunsApart },
  "0004-time-limits-and-retries": { up: timeLimitsAndRetries },
  "0005-small-definitions": { up: smallDefinitions },
  "0006-metrics": { up: metrics },
};
