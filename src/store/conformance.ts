import { describe } from "vitest";
import { describeClosing } from "./conformance/closing.ts";
import { describeDefinitions } from "./conformance/definitions.ts";
import { describeDeleting } from "./conformance/deleting.ts";
import { describeEvents } from "./conformance/events.ts";
import { describeInserting } from "./conformance/inserting.ts";
import { describeLaw } from "./conformance/law.ts";
import { describeListing } from "./conformance/listing.ts";
import { describeMetrics } from "./conformance/metrics.ts";
import { describePaging } from "./conformance/paging.ts";
import { describeSaving } from "./conformance/saving.ts";
import type { OpenStore } from "./conformance/store-bundle.ts";
import { describeTokens } from "./conformance/tokens.ts";

/** What every store promises, whatever it is made of. */
export function describeStore(name: string, open: OpenStore): void {
  describe(`${name} as a store`, () => {
    describeInserting(open);
    describeSaving(open);
    describeDefinitions(open);
    describeDeleting(open);
    describePaging(open);
    describeListing(open);
    describeMetrics(open);
    describeEvents(open);
    describeTokens(open);
    describeClosing(open);
    describeLaw(open);
  });
}
