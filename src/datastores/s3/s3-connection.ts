export interface TimeLimits {
  /** For name, connection and TLS together. */
  readonly connectMs: number;
  /** For silence on a connection in use, whoever's turn it is. Gateways take seconds for the first write to a bucket. */
  readonly silenceMs: number;
}

export const DEFAULT_TIME_LIMITS: TimeLimits = { connectMs: 10_000, silenceMs: 60_000 };

export interface S3Connection {
  readonly endpointUrl: string;
  /** Null where the manifest names none; most stores that are not Amazon's accept any. */
  readonly region: string | null;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}
