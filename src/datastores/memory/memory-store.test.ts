import { describeDataStore } from "../conformance.ts";
import { MemoryStore } from "./memory-store.ts";

describeDataStore("the memory store", async () => {
  const buckets = new Map([["bucket", new Map<string, Uint8Array>()]]);
  return {
    open: async () => new MemoryStore("bucket", buckets),
    openMissingBucket: async () => new MemoryStore("missing", buckets),
    abilities: {
      anyKey: true,
      maxPartBytes: 1024,
      md5Etags: true,
      largeObjectBytes: 3_000_000,
      manyObjects: 2500,
    },
    [Symbol.asyncDispose]: async () => {},
  };
});
