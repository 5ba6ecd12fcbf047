/**
 * The part of `fetch` that the client uses. The global one fits, in browsers too; the command line brings its own,
 * because loading the global one takes longer than answering `list`.
 */
export type Fetch = (url: string, init: FetchRequest) => Promise<FetchResponse>;

export interface FetchRequest {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string | FormData;
  readonly signal?: AbortSignal;
}

export interface FetchResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
  arrayBuffer(): Promise<ArrayBuffer>;
}
