import { describeStore } from "../../src/store/conformance.ts";
import { MemoryDisk, MemoryStore } from "./memory-store.ts";

describeStore("The simulation's memory", async () => {
  const disk = new MemoryDisk();
  const open = () => new MemoryStore(disk, () => new Date());
  let store = open();
  return {
    store,
    reopen: async () => {
      await store.close();
      store = open();
      return store;
    },
    [Symbol.asyncDispose]: async () => store.close(),
  };
});
