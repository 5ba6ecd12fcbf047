import { RemoteError } from "./remote-error.ts";

/** Whether a put that failed may be gone on with later: it was cut off, or the store may come back. */
export function isCutOff(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted || (error instanceof RemoteError && error.retryable);
}

/** How long a failed upload waits for the server to forget its parts. */
export const ABANDON_MS = 10_000;

/** How long a store may take to keep a part that had wholly arrived when the request for it was given up. */
export const LANDING_MS = 1000;
