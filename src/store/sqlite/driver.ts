import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { CompiledQuery, SqliteAdapter, SqliteDialect, SqliteDriver } from "kysely";
import type { DatabaseConnection, SqliteDatabase, SqliteStatement } from "kysely";
import { announce } from "../../base/world.ts";

/** Statements kept ready. Our own queries are a few dozen texts; lists of states make some more. */
const PREPARED_LIMIT = 128;

/** Kysely over `node:sqlite`. The only file that knows both. */
export class NodeSqliteDialect extends SqliteDialect {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    super({ database: withPreparedStatements(database) });
    this.#database = database;
  }

  override createDriver(): SqliteDriver {
    return new NodeSqliteDriver(this.#database);
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalDdlAdapter();
  }
}

class NodeSqliteDriver extends SqliteDriver {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    super({ database: withPreparedStatements(database) });
    this.#database = database;
  }

  /** Takes the write lock at once: a transaction that only finds out at its first write may have read stale rows. */
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("begin immediate"));
  }

  override async commitTransaction(connection: DatabaseConnection): Promise<void> {
    announce("commit", "trainyard.db");
    await super.commitTransaction(connection);
  }

  /** After a full disk SQLite has rolled back by itself, and a second rollback would hide the reason. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.isTransaction) await super.rollbackTransaction(connection);
  }
}

/** SQLite's schema changes are part of a transaction; Kysely leaves that unused unless told. */
class TransactionalDdlAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

function withPreparedStatements(database: DatabaseSync): SqliteDatabase {
  const prepared = new Map<string, SqliteStatement>();
  return {
    close: () => database.close(),
    prepare: (text) => {
      const statement = prepared.get(text) ?? prepare(database, text);
      // The least recently used is the first of the map.
      prepared.delete(text);
      prepared.set(text, statement);
      if (prepared.size > PREPARED_LIMIT) prepared.delete(prepared.keys().next().value as string);
      return statement;
    },
  };
}

function prepare(database: DatabaseSync, text: string): SqliteStatement {
  const statement = database.prepare(text);
  const bind = (parameters: readonly unknown[]) => parameters as SQLInputValue[];
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...bind(parameters)),
    run: (parameters) => {
      // Outside of a transaction each statement is one of its own, synced before it returns.
      if (!database.isTransaction && !text.startsWith("begin")) announce("commit", text.slice(0, 60));
      return statement.run(...bind(parameters));
    },
    iterate: (parameters) => statement.iterate(...bind(parameters)),
  };
}
