import { readdirSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../src/base/clock.ts";
import { createCatalogue } from "../src/environments/catalogue.ts";

export interface Example {
  readonly folder: string;
  /** What it will run in: `PyTorch 1.13.1 on Python 3.11.2 (/usr/bin/python3)`. */
  readonly label: string;
}

/** Best first: what people would pick themselves, down to what runs on any machine. */
const PREFERENCE = ["pytorch", "scikit-learn", "numpy", "node"] as const;

/** The best of the examples that this machine can run. */
export async function chooseExample(examples: string): Promise<Example> {
  const catalogue = createCatalogue({ configured: [], clock: systemClock });
  const present = new Set(readdirSync(examples));
  for (const framework of PREFERENCE) {
    if (!present.has(framework)) continue;
    const resolution = await catalogue.resolve(framework, "latest", AbortSignal.timeout(60_000));
    if (resolution.found) return { folder: join(examples, framework), label: resolution.environment.label };
  }
  throw new Error("No framework was found, not even Node; this program runs on one, so that cannot be.");
}
