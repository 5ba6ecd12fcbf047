import type { Collected } from "../collector.ts";
import type { CollectorOrder } from "./collector-order.ts";

/** What the thread is asked. `bytes` null: the source has come to its end. */
export type Ask =
  | { readonly kind: "open"; readonly collector: number; readonly order: CollectorOrder }
  | {
      readonly kind: "push";
      readonly collector: number;
      readonly question: number;
      readonly bytes: Uint8Array | null;
      readonly seenAt: Date;
    }
  | { readonly kind: "close"; readonly collector: number };

export interface Answer extends Collected {
  readonly question: number;
  readonly safeOffset: number;
}
