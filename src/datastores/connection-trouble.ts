import type { RemoteReason } from "./remote-error.ts";

/** What is thought of one trouble at a store. `fact` ends the sentence that its user reads. */
export interface Judgement {
  readonly reason: RemoteReason;
  readonly retryable: boolean;
  readonly fact: string;
}

/** Codes of sockets, of Node's streams and of undici. All of them may pass. */
const FACTS = new Map(
  Object.entries({
    ECONNREFUSED: "nothing accepts connections there",
    ECONNRESET: "the connection broke",
    EPIPE: "the connection broke",
    ECONNABORTED: "the connection broke",
    ETIMEDOUT: "it did not answer in time",
    EHOSTUNREACH: "there is no way to the host",
    ENETUNREACH: "there is no way to the network",
    ENOTFOUND: "the host's name is not known",
    EAI_AGAIN: "the host's name could not be looked up",
    ERR_STREAM_PREMATURE_CLOSE: "the answer broke off",
    UND_ERR_SOCKET: "the connection broke",
    UND_ERR_CONNECT_TIMEOUT: "it did not answer in time",
    UND_ERR_HEADERS_TIMEOUT: "it did not answer in time",
    UND_ERR_BODY_TIMEOUT: "the answer stopped in the middle",
    UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "the answer broke off",
  }),
);

const TLS_CODE = /CERT|^ERR_TLS|^ERR_SSL|^EPROTO$|SELF_SIGNED|UNABLE_TO_VERIFY/;

/** The trouble below HTTP that an error's code means; undefined when the connection was not at fault. */
export function judgeConnection(code: string): Judgement | undefined {
  const fact = FACTS.get(code);
  if (fact !== undefined) return { reason: "unreachable", retryable: true, fact };
  if (!TLS_CODE.test(code)) return undefined;
  return { reason: "unreachable", retryable: false, fact: `no secure connection is possible (${code})` };
}
