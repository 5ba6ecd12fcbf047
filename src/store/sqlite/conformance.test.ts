import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { describeStore } from "../conformance.ts";
import { openSqliteStore } from "./open.ts";

describeStore("SQLite", async () => {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-store-"));
  const open = () => openSqliteStore({ path: join(folder, "trainyard.db"), clock: systemClock });
  let store = await open();
  return {
    store,
    reopen: async () => {
      await store.close();
      store = await open();
      return store;
    },
    [Symbol.asyncDispose]: async () => {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
});
