import { DatabaseSync } from "node:sqlite";
import { Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import type { Clock } from "../../base/clock.ts";
import { announce } from "../../base/world.ts";
import { migrations as allMigrations } from "../migrations/migrations.ts";
import type { Store } from "../store.ts";
import { NodeSqliteDialect } from "./driver.ts";
import { migrate } from "./migrate.ts";
import { makePrivateFile } from "./private-file.ts";
import { translateSqliteError } from "./sqlite-trouble.ts";
import { SqliteStore } from "./sqlite-store.ts";
import type { Tables } from "./tables.ts";

/** How long to wait for another program that looks into the file. Short, for nothing else goes on meanwhile. */
const BUSY_TIMEOUT_MS = 1000;

export interface SqliteStoreOptions {
  /** Of the database file; its folder must be there. */
  readonly path: string;
  readonly clock: Clock;
  /** Other steps than the program's own: for tests of upgrades. */
  readonly migrations?: Readonly<Record<string, Migration>>;
}

/** Opens the store, makes it where there is none, and brings an older one up to date. */
export async function openSqliteStore({ path, clock, migrations = allMigrations }: SqliteStoreOptions): Promise<Store> {
  let database: DatabaseSync | undefined;
  try {
    await makePrivateFile(path);
    database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    announce("change", path);
    // FULL: a commit in WAL mode is synced before it is announced. NORMAL would lose the last ones with the power.
    database.exec("pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on");
    // 16 MB. The 2 MB that SQLite takes by itself hold too little of the indexes once there are 100,000 runs.
    database.exec("pragma cache_size = -16000");
    const db = new Kysely<Tables>({ dialect: new NodeSqliteDialect(database) });
    await migrate(db, path, migrations);
    return new SqliteStore(db, path, clock);
  } catch (error) {
    database?.close();
    throw translateSqliteError(error, path);
  }
}
