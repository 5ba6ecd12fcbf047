import type { Collector } from "../collector.ts";
import { ibmCollector } from "../ibm-collector.ts";
import { logCollector } from "../log-collector.ts";
import { groupCollector, type PatternGroup } from "../pattern/group-collector.ts";
import { eventCollector } from "../tensorboard/event-collector.ts";

/** Which collector, with what it needs: plain data, so that it can go to another thread. */
export type CollectorOrder =
  | { readonly kind: "log" }
  | { readonly kind: "ibm" }
  | { readonly kind: "events"; readonly group: string; readonly name: string }
  | { readonly kind: "patterns"; readonly groups: readonly PatternGroup[]; readonly lookahead: number | null };

export function makeCollector(order: CollectorOrder): Collector {
  switch (order.kind) {
    case "log":
      return logCollector();
    case "ibm":
      return ibmCollector();
    case "events":
      return eventCollector(order.group, order.name);
    case "patterns":
      break;
  }
  return groupCollector(order.groups, order.lookahead);
}
