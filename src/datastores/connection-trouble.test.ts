import { expect, test } from "vitest";
import { judgeConnection } from "./connection-trouble.ts";

test.each(["ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "UND_ERR_HEADERS_TIMEOUT", "ERR_STREAM_PREMATURE_CLOSE"])(
  "%s may pass",
  (code) => {
    expect(judgeConnection(code)).toMatchObject({ reason: "unreachable", retryable: true });
  },
);

test.each([
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "EPROTO",
])("%s stays until somebody acts, and is named", (code) => {
  expect(judgeConnection(code)).toMatchObject({ reason: "unreachable", retryable: false });
  expect(judgeConnection(code)?.fact).toContain(code);
});

test.each(["", "ENOENT", "HPE_INVALID_CONSTANT", "UND_ERR_ABORTED", "toString"])(
  "%j is no trouble of the connection",
  (code) => {
    expect(judgeConnection(code)).toBeUndefined();
  },
);
