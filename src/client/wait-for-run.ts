import { hasEnded } from "../contract/run-states.ts";
import type { RunView } from "../contract/run.ts";
import type { Client } from "./client.ts";
import { persist, type Persistence } from "./persist.ts";

export interface WaitOptions extends Persistence {
  /** Told of the run as it is at first, and after every change. */
  readonly onChange?: ((run: RunView) => void) | undefined;
}

const WAIT_S = 30;

/** The run once it has ended. Survives a server that restarts meanwhile, as `persist` does. */
export async function waitForEnd(client: Client, id: string, options: WaitOptions = {}): Promise<RunView> {
  const { signal } = options;
  let seen: number | undefined;
  for (;;) {
    const query = seen === undefined ? {} : { afterVersion: seen, waitSeconds: WAIT_S };
    const run = await persist(
      () => client.call("getRun", { params: { id }, query, ...(signal === undefined ? {} : { signal }) }),
      options,
    );
    if (run.version !== seen) options.onChange?.(run);
    if (hasEnded(run)) return run;
    seen = run.version;
  }
}
