import { isUtf8 } from "node:buffer";
import { Readable } from "node:stream";
import { requestInvalid } from "../../domain/errors.ts";
import { LogHubs } from "../../logs/log-hubs.ts";
import { openServedLog, tailStart, type LogPiece } from "../../logs/served-log.ts";
import type { RouteHandlers } from "../register-route.ts";
import type { RunService } from "../services.ts";
import { requestSignal } from "../waiting.ts";

/** Below what proxies take for silence. */
const HEARTBEAT_MS = 15_000;
const RECONNECT_MS = 1_000;
/** So far back are the last lines looked for. */
const TAIL_BYTES = 64 * 1024 * 1024;

/** Which bytes a follower wants: those of one attempt from an offset on, and perhaps those of the attempts after it. */
interface Place {
  readonly attempt: number;
  readonly offset: number;
}

export function logEventRoutes(runs: RunService, closing: AbortSignal): Pick<RouteHandlers, "followLog"> {
  const hubs = new LogHubs();
  return {
    followLog: async ({ params: { id }, query, headers, reply }) => {
      const { learner } = query;
      const lastId = headers["last-event-id"];
      const place = lastId === undefined ? await begin(runs, id, query) : placeOf(lastId);
      // Refuses what is not there before the answer begins.
      await runs.logFile(id, learner, place.attempt);
      const events = follow({ runs, hubs, id, learner, isForOne: query.attempt !== undefined }, place, reply, closing);
      return {
        status: 200,
        headers: { "content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no" },
        body: Readable.from(events, { objectMode: false }),
      };
    },
  };
}

interface Followed {
  readonly runs: RunService;
  readonly hubs: LogHubs;
  readonly id: string;
  readonly learner: number;
  /** The attempts after the first are not wanted. */
  readonly isForOne: boolean;
}

async function begin(
  runs: RunService,
  id: string,
  {
    learner,
    attempt,
    tail,
    offset = 0,
  }: { learner: number; attempt?: number | undefined; tail?: number | undefined; offset?: number | undefined },
): Promise<Place> {
  const facts = await runs.logFile(id, learner, attempt);
  const place = { attempt: attempt ?? facts.presentAttempt, offset };
  if (tail === undefined) return place;
  await using log = await openServedLog(facts);
  return { ...place, offset: await tailStart(log, tail, TAIL_BYTES) };
}

function placeOf(lastEventId: string): Place {
  const [, attempt, offset] = /^(\d{1,6}):(\d{1,15})$/u.exec(lastEventId) ?? [];
  if (attempt === undefined || offset === undefined || Number(attempt) === 0) {
    throw requestInvalid(
      `'${lastEventId}' is no id of a log event.`,
      "Send the id of the last event as it came, ATTEMPT:OFFSET, or none.",
    );
  }
  return { attempt: Number(attempt), offset: Number(offset) };
}

/** Ends without an `end` where the server closes: the client comes back with the last id, perhaps to the next server. */
async function* follow(
  followed: Followed,
  place: Place,
  reply: Parameters<typeof requestSignal>[0],
  closing: AbortSignal,
): AsyncGenerator<string> {
  using request = requestSignal(reply, closing);
  let { attempt, offset } = place;
  yield `retry: ${RECONNECT_MS}\n\n`;
  try {
    for (;;) {
      let presentAttempt = attempt;
      using followedLog = followed.hubs.follow(
        `${followed.id} ${followed.learner} ${attempt}`,
        sourceOf(followed, attempt),
      );
      const { hub } = followedLog;
      for (;;) {
        const piece = await hub.next(offset, request.signal, HEARTBEAT_MS);
        if (piece === null) break;
        yield piece === "idle" ? ": still here\n\n" : eventOf(piece, attempt);
        if (piece !== "idle") offset = piece.next;
      }
      presentAttempt = hub.facts?.presentAttempt ?? attempt;
      if (followed.isForOne || presentAttempt <= attempt) break;
      attempt += 1;
      offset = 0;
      yield event("attempt", `${attempt}:0`, { attempt });
    }
    yield event("end", `${attempt}:${offset}`, { attempt, sizeBytes: offset });
  } catch (error) {
    if (!request.signal.aborted) throw error;
  }
}

function sourceOf({ runs, id, learner }: Followed, attempt: number) {
  return {
    look: async () => runs.logFile(id, learner, attempt),
    changed: async (version: number, signal: AbortSignal) => runs.waitForChange(id, version, signal),
  };
}

/** Of the pieces that all followers share, each is put into words once. */
const encoded = new WeakMap<LogPiece, string>();

function eventOf(piece: LogPiece, attempt: number): string {
  if (piece.kind === "emptied") return event("emptied", `${attempt}:${piece.next}`, { offset: piece.next });
  const known = encoded.get(piece) ?? encode(piece, `${attempt}:${piece.next}`);
  encoded.set(piece, known);
  return known;
}

function encode({ kind, bytes, next }: LogPiece, id: string): string {
  if (kind === "dropped") return event("dropped", id, { to: next, text: bytes.toString() });
  // A JSON string: line ends, NUL and all that the format of events has a meaning for are escaped in it.
  if (isUtf8(bytes)) return event("text", id, bytes.toString());
  return `id: ${id}\nevent: bytes\ndata: ${bytes.toString("base64")}\n\n`;
}

function event(name: string, id: string, content: unknown): string {
  return `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(content)}\n\n`;
}
