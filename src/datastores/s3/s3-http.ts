import type { EndpointGuard } from "../address-guard.ts";
import { type BodySink, type Endpoint, type HttpAnswer, HttpClient, type TakenAnswer } from "../http-client.ts";
import type { S3Connection, TimeLimits } from "./s3-connection.ts";
import { canonicalQuery, escapePath, RequestSigner } from "./sign-request.ts";

export interface S3Request {
  readonly method: "GET" | "HEAD";
  /** "" for the bucket itself. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly isOfObject?: boolean;
}

/**
 * Signed requests that read from one bucket, without the SDK: its requests pass through many layers and end in a stream
 * each, and neither is needed to read.
 */
export class S3Http {
  readonly #client: HttpClient;
  readonly #endpoint: Endpoint;
  readonly #host: string;
  readonly #bucket: string;
  readonly #signer: RequestSigner;

  constructor(connection: S3Connection, bucket: string, guard: EndpointGuard, limits: TimeLimits) {
    const { accessKeyId, secretAccessKey, region, endpointUrl } = connection;
    this.#client = new HttpClient(guard, limits);
    this.#endpoint = this.#client.endpoint(endpointUrl, "The endpoint");
    this.#host = new URL(this.#endpoint.origin).host;
    this.#bucket = bucket;
    this.#signer = new RequestSigner({ accessKeyId, secretAccessKey, region: region ?? "us-east-1" });
  }

  /** For a body that is read as a stream. */
  async send(request: S3Request, signal: AbortSignal): Promise<HttpAnswer> {
    return this.#client.send(this.#endpoint, this.#signed(request), signal);
  }

  async stream(request: S3Request, sink: BodySink, signal: AbortSignal): Promise<TakenAnswer> {
    return this.#client.stream(this.#endpoint, this.#signed(request), sink, signal);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  #signed({ method, key, query = {}, headers = {}, isOfObject = false }: S3Request) {
    const path = escapePath(this.#bucket, key);
    const search = canonicalQuery(query);
    const unsigned = { method, host: this.#host, path: this.#endpoint.path + path, query: search };
    const signed = this.#signer.sign(unsigned, new Date());
    const all = { ...headers, ...signed };
    return { method, path: search === "" ? path : `${path}?${search}`, headers: all, isOfObject };
  }
}

/** What `translateS3Error` understands, of an answer that is none of the wanted ones. */
export function failureOf(answer: Pick<TakenAnswer, "status" | "header" | "text">): object {
  const retryAfter = answer.header("retry-after");
  return {
    name: /<Code>\s*([A-Za-z0-9.]{1,100})\s*<\/Code>/.exec(answer.text)?.[1],
    $metadata: { httpStatusCode: answer.status, requestId: answer.header("x-amz-request-id") },
    $response: { statusCode: answer.status, headers: retryAfter === undefined ? {} : { "retry-after": retryAfter } },
  };
}
