import type { Client } from "../../client/client.ts";
import { followLog } from "../../client/follow-log.ts";
import { waitForEnd } from "../../client/wait-for-run.ts";
import type { RunStateName, RunView } from "../../contract/run.ts";
import { CliError, wrongUse } from "../cli-error.ts";
import { connect, type Context } from "../context.ts";
import { detachable, sayRetry } from "../detach.ts";
import type { Output } from "../io.ts";
import { followMetrics } from "./bx-monitor-metrics.ts";
import { printable } from "../output/printable.ts";
import { findRunId } from "../run-reference.ts";
import { tailOffset } from "../tail-offset.ts";

/** The core's names of states, which the service of that time let through into the messages of a run. */
const CORE_STATES: Record<RunStateName, string> = {
  pending: "PENDING",
  downloading: "DOWNLOADING",
  running: "PROCESSING",
  storing: "STORING",
  completed: "COMPLETED",
  failed: "FAILED",
  canceled: "HALTED",
};

/** What is to be fetched. The client had the words `logs` and `metrics` from the middle of 2018 on. */
export interface MonitorRequest {
  readonly isMid2018: boolean;
  /** Metrics in place of the log. */
  readonly isForMetrics: boolean;
  /** Begin with the last lines only; null for the whole log. */
  readonly lastLines: number | null;
}

/** Reads what may follow the id: nothing, `logs`, `logs last LINES`, `metrics`. */
export function monitorRequest(words: readonly string[]): MonitorRequest | undefined {
  const [what, last, lines, tooMany] = words;
  if (what === undefined) return { isMid2018: false, isForMetrics: false, lastLines: null };
  if (what === "metrics" && last === undefined) return { isMid2018: true, isForMetrics: true, lastLines: null };
  if (what !== "logs" || tooMany !== undefined) return undefined;
  if (last === undefined) return { isMid2018: true, isForMetrics: false, lastLines: null };
  if (last !== "last" || lines === undefined) return undefined;
  if (!/^\d{1,7}$/.test(lines))
    throw wrongUse(`'${lines}' is no number of lines.`, "Write a whole number, as in: logs last 20");
  return { isMid2018: true, isForMetrics: false, lastLines: Number(lines) };
}

/**
 * The run's states as they change and its log to the last byte; the client of that time often stopped after a few
 * lines. Fails when the run does, so that a script need not read the states.
 */
export async function monitorModel(context: Context, text: string, request: MonitorRequest): Promise<void> {
  const { stdout } = context.io;
  const client = await connect(context);
  const id = await findRunId(client, text);
  await client.call("getRun", { params: { id } });
  const what = request.isMid2018 ? "status and metrics messages" : "status messages";
  await stdout.write(`Starting to fetch ${what} for model-id '${id}'\n...\n`);
  const messages = new Messages(stdout, request.isMid2018 ? "[--LOGS]      " : "");
  const back = { follow: `bx ml monitor training-runs ${id}`, stop: `bx ml cancel training-runs ${id}` };
  const run = await detachable(
    context,
    id,
    (signal) =>
      request.isForMetrics
        ? followMetrics(client, id, { stdout, sayState: (state) => messages.state(state), signal })
        : follow(context, client, id, { request, messages, signal }),
    back,
  );
  await messages.end();
  if (run.state !== "completed") throw notCompleted(run);
}

async function follow(
  context: Context,
  client: Client,
  id: string,
  how: { readonly request: MonitorRequest; readonly messages: Messages; readonly signal: AbortSignal },
): Promise<RunView> {
  const { messages } = how;
  const lines = how.request.lastLines;
  const over = new AbortController();
  const signal = AbortSignal.any([how.signal, over.signal]);
  // One of the two tells of a lost connection, or each loss would be told twice.
  const onChange = ({ state }: RunView): void => void messages.state(state).catch((error) => over.abort(error));
  const log = async (): Promise<void> => {
    const offset = lines === null ? 0 : await tailOffset(client, id, lines, { learner: 1, signal });
    for await (const bytes of followLog(client, id, { offset, signal, onRetry: sayRetry(context) })) {
      await messages.log(bytes);
    }
  };
  try {
    const [run] = await Promise.all([waitForEnd(client, id, { signal, onChange }), log()]);
    return run;
  } finally {
    over.abort();
  }
}

const NEWLINE = 10;

/** States and log on one output: a state begins a line of its own, and every line of the log gets the prefix. */
class Messages {
  readonly #output: Output;
  readonly #prefix: Buffer;
  #said: RunStateName | undefined;
  /** What was written last, down to the middle of a line of the log. */
  #after: "state" | "line" | "part" = "line";

  constructor(output: Output, prefix: string) {
    this.#output = output;
    this.#prefix = Buffer.from(prefix);
  }

  async state(state: RunStateName): Promise<void> {
    if (state === this.#said) return;
    this.#said = state;
    const newline = this.#after === "part" ? "\n" : "";
    this.#after = "state";
    await this.#output.write(`${newline}Status: ${CORE_STATES[state]}\n`);
  }

  async log(bytes: Uint8Array): Promise<void> {
    const parts: Uint8Array[] = this.#after === "state" ? [Buffer.from("\n")] : [];
    let isInLine = this.#after === "part";
    for (let begin = 0; begin < bytes.length;) {
      const newline = bytes.indexOf(NEWLINE, begin);
      const end = newline === -1 ? bytes.length : newline + 1;
      if (!isInLine) parts.push(this.#prefix);
      parts.push(bytes.subarray(begin, end));
      isInLine = newline === -1;
      begin = end;
    }
    this.#after = isInLine ? "part" : "line";
    await this.#output.write(Buffer.concat(parts));
  }

  /** Ends a last line that the program did not end, for what the shell prints next. */
  async end(): Promise<void> {
    if (this.#after === "part") await this.#output.write("\n");
  }
}

function notCompleted({ id, state, failure }: RunView): Error {
  if (failure === null) return new CliError(1, `Run ${id} was ${state}.`);
  return new CliError(1, `Run ${id} ${state}: ${printable(failure.message)}`, failure.hint);
}
