import { systemClock } from "../../base/clock.ts";
import { describeEngine } from "../conformance.ts";
import { findTrackers } from "./choose-tracker.ts";
import { localSetup } from "./conformance.ts";
import { NO_TRACKER } from "./process-tracker.ts";

for (const tracker of [...(await findTrackers(import.meta.filename, systemClock)), NO_TRACKER]) {
  describeEngine(`local, by ${tracker.name},`, async () => localSetup(tracker));
}
