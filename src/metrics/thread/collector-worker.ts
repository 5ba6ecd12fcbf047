// Runs in a thread of its own: patterns of users may take long, and nobody else should wait for them.
import { parentPort } from "node:worker_threads";
import type { Collector } from "../collector.ts";
import type { Answer, Ask } from "./collector-messages.ts";
import { makeCollector } from "./collector-order.ts";

const collectors = new Map<number, Collector>();

parentPort?.on("message", (ask: Ask) => {
  switch (ask.kind) {
    case "open":
      collectors.set(ask.collector, makeCollector(ask.order));
      break;
    case "close":
      collectors.delete(ask.collector);
      break;
    case "push": {
      const collector = collectors.get(ask.collector);
      if (collector === undefined) throw new Error(`There is no collector ${ask.collector}.`);
      const collected = ask.bytes === null ? collector.finish(ask.seenAt) : collector.push(ask.bytes, ask.seenAt);
      const answer: Answer = { ...collected, question: ask.question, safeOffset: collector.safeOffset };
      parentPort?.postMessage(answer, []);
      break;
    }
  }
});
