import type { EndpointGuard } from "./address-guard.ts";
import { DirectConnection, ODD_ANSWER } from "./direct-connection.ts";
import type { BodySink, TakenAnswer, TimeLimits } from "./http-client.ts";

interface DirectRequest {
  readonly origin: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Connections for the bytes of objects, kept while they are of use. How many there are is up to those who ask. */
export class DirectConnections {
  readonly #guard: EndpointGuard;
  readonly #limits: TimeLimits;
  readonly #all = new Set<DirectConnection>();
  readonly #idle = new Map<string, DirectConnection[]>();
  /** Whose answers are of a form that these connections do not read. */
  readonly #oddOrigins = new Set<string>();

  constructor(guard: EndpointGuard, limits: TimeLimits) {
    this.#guard = guard;
    this.#limits = limits;
  }

  /** Undefined when the answer has to be asked for in another way: `sink` has seen nothing of it. */
  async get(request: DirectRequest, sink: BodySink, signal: AbortSignal): Promise<TakenAnswer | undefined> {
    const { origin } = request;
    const head = this.#oddOrigins.has(origin) ? undefined : headOf(request);
    if (head === undefined) return undefined;
    signal.throwIfAborted();
    const connection = this.#idleTo(origin) ?? this.#open(origin);
    const answer = await connection.exchange(head, sink, signal);
    if (answer === ODD_ANSWER) {
      this.#oddOrigins.add(origin);
      return undefined;
    }
    if (connection.isOpen) this.#keep(origin, connection);
    return answer;
  }

  /** Ends what is under way. */
  close(): void {
    for (const connection of this.#all) connection.close();
  }

  /** The one that was used last: the others may be closed for want of use. */
  #idleTo(origin: string): DirectConnection | undefined {
    const idle = this.#idle.get(origin) ?? [];
    for (let last = idle.pop(); last !== undefined; last = idle.pop()) if (last.isOpen) return last;
    return undefined;
  }

  #keep(origin: string, connection: DirectConnection): void {
    const idle = this.#idle.get(origin);
    if (idle === undefined) this.#idle.set(origin, [connection]);
    else idle.push(connection);
  }

  #open(origin: string): DirectConnection {
    const connection = new DirectConnection(new URL(origin), this.#guard, this.#limits, () =>
      this.#all.delete(connection),
    );
    this.#all.add(connection);
    return connection;
  }
}

/** Undefined where something cannot stand in a head as it is: a listing may name an ETag with a line break in it. */
function headOf({ origin, path, headers }: DirectRequest): string | undefined {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  if (/[^!-~]/.test(path) || lines.some((line) => /[^ -~]/.test(line))) return undefined;
  return [`GET ${path} HTTP/1.1`, `host: ${new URL(origin).host}`, ...lines, "", ""].join("\r\n");
}
