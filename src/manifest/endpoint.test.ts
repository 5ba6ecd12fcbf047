import { expect, test } from "vitest";

import { readEndpoint } from "./endpoint.ts";

test.each([
  ["https://s3.example.com", "https://s3.example.com"],
  ["https://s3.example.com/", "https://s3.example.com"],
  ["http://127.0.0.1:9000", "http://127.0.0.1:9000"],
  ["s3.example.com", "https://s3.example.com"],
  ["localhost:9000", "https://localhost:9000"],
  [" HTTPS://S3.Example.com:443 ", "https://s3.example.com"],
  ["https://example.com/auth/v1.0/", "https://example.com/auth/v1.0"],
  ["https://[::1]:9000", "https://[::1]:9000"],
])("%j is kept as %s", (source, url) => {
  expect(readEndpoint(source)).toEqual({ url });
});

test("what is kept stays the same when it is read again", () => {
  const once = readEndpoint("S3.example.com:9000/store//");
  expect(once.url === null ? once : readEndpoint(once.url)).toEqual(once);
});

test.each([
  ["https://ann@s3.example.com", "user name"],
  ["https://ann:pw@s3.example.com", "user name"],
  ["https://@s3.example.com", "user name"],
  ["ann:pw@s3.example.com", "user name"],
  ["ftp://example.com", "scheme 'ftp'"],
  ["s3://bucket", "scheme 's3'"],
  ["AKIA0://secret", "scheme that is not"],
  ["file:///etc/passwd", "scheme 'file'"],
  ["https://s3.example.com?a=b", "query"],
  ["https://s3.example.com?", "query"],
  ["https://s3.example.com#a", "fragment"],
  ["https:\\\\s3.example.com", "backslash"],
  ["https://s3.exa\nmple.com", "control"],
  ["https://", "not a URL"],
  ["https://s3.example.com:99999", "not a URL"],
])("%j is refused because it holds or is a %s", (source, fact) => {
  expect(readEndpoint(source)).toMatchObject({ url: null, fact: expect.stringContaining(fact) });
});
