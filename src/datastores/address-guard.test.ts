import { promisify } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { AddressGuard, type NetworkPolicy } from "./address-guard.ts";

const open: NetworkPolicy = { allowPrivate: true, allow: [] };
const closed: NetworkPolicy = { allowPrivate: false, allow: [] };

function refusal(policy: NetworkPolicy, url: string): { code?: string; message?: string } | undefined {
  try {
    new AddressGuard(policy).checkEndpoint(url);
    return undefined;
  } catch (error) {
    return error as { code: string; message: string };
  }
}

test.each([
  "http://169.254.169.254",
  "http://169.254.169.254.",
  "http://2852039166",
  "http://0xa9fea9fe",
  "http://0xA9.0xFE.0xA9.0xFE",
  "http://0251.0376.0251.0376",
  "http://169.254.43518",
  "http://169.16689662",
  "http://１６９.254.169.254",
  "http://169。254。169。254",
  "http://%31%36%39.254.169.254",
  "http://[::ffff:169.254.169.254]",
  "http://[::ffff:a9fe:a9fe]",
  "http://[0:0:0:0:0:ffff:a9fe:a9fe]",
  "http://[::a9fe:a9fe]",
  "http://[64:ff9b::a9fe:a9fe]",
  "http://[64:ff9b:1::a9fe:a9fe]",
  "http://[2002:a9fe:a9fe::]",
  "http://[2002:a9fe:a9fe::1]",
  "http://[fe80::1]",
  "http://[febf::1]",
  "http://[fd00:ec2::254]",
  "http://[fd00:0ec2:0:0:0:0:0:0254]",
  "http://[fd20:ce::254]",
  "http://[::]",
  "http://[ff02::1]",
  "http://0.0.0.0:9000",
  "http://0",
  "http://169.254.1.1:80/path",
  "http://100.100.100.200",
  "http://192.0.0.192",
  "http://168.63.129.16",
  "http://255.255.255.255",
  "http://224.0.0.1",
  "http://metadata.google.internal",
  "http://METADATA.google.internal.",
  "https://metadata/",
  "http://instance-data",
])("the metadata or link-local endpoint %s is refused whatever is allowed", (url) => {
  const policy = { allowPrivate: true, allow: ["0.0.0.0/0", "::/0", "metadata.google.internal"] };
  expect(refusal(policy, url)).toMatchObject({ code: "endpoint_not_allowed" });
});

test.each([
  "http://127.0.0.1:9000",
  "http://127.1",
  "http://2130706433",
  "http://localhost",
  "http://s3.localhost:9000",
  "http://LOCALHOST.",
  "http://[::1]",
  "http://[::ffff:127.0.0.1]",
  "http://10.1.2.3",
  "http://172.31.255.255",
  "http://192.168.0.1",
  "http://100.64.0.1",
  "http://[fc00::1]",
  "http://[fd12:3456::1]",
])("the private endpoint %s is refused unless private networks are allowed", (url) => {
  expect(refusal(closed, url)).toMatchObject({ code: "endpoint_not_allowed" });
  expect(refusal(open, url)).toBeUndefined();
});

test.each([
  "https://s3.eu-de.cloud-object-storage.appdomain.cloud",
  "http://8.8.8.8",
  "https://172.32.0.1:9000/base/path",
  "https://[2a00:1450::1]",
  "https://s3.example.org.",
])("the public endpoint %s is allowed", (url) => {
  expect(refusal(closed, url)).toBeUndefined();
});

test.each([
  ["ftp://example.org", /only http and https/],
  ["file:///etc/passwd", /only http and https/],
  ["javascript:alert(1)", /only http and https/],
  ["https://user@example.org", /user name or password/],
  ["https://example.org?x=1", /query/],
  ["https://example.org#x", /fragment/],
  ["example.org", /not a URL/],
  ["http://", /not a URL/],
  ["", /not a URL/],
])("%j is no endpoint", (url, message) => {
  expect(refusal(open, url)?.message).toMatch(message);
});

test("a refusal never repeats a password", () => {
  expect(refusal(open, "https://user:hunter2@example.org")?.message).not.toContain("hunter2");
  expect(refusal(open, "https://user:hunter2@exa mple.org")?.message).not.toContain("hunter2");
});

test("single addresses, networks and names can be allowed", () => {
  const policy = { allowPrivate: false, allow: ["10.0.0.7", "10.1.0.0/16", "fd12::/16", "localhost"] };
  for (const url of ["http://10.0.0.7", "http://10.1.200.3", "http://[fd12::5]", "http://localhost:1"]) {
    expect(refusal(policy, url), url).toBeUndefined();
  }
  for (const url of ["http://10.0.0.8", "http://10.2.0.1", "http://[fd13::5]", "http://127.0.0.1"]) {
    expect(refusal(policy, url), url).toMatchObject({ code: "endpoint_not_allowed" });
  }
});

test.each(["10.0.0.0/33", "10.0.0.0/x", "http://x", "a b", "*", ""])("%j cannot be allowed", (entry) => {
  expect(() => new AddressGuard({ allowPrivate: false, allow: [entry] })).toThrow(/stores\.network\.allow/);
});

test("no spelling of a link-local IPv4 address passes", () => {
  const guard = new AddressGuard(open);
  const octet = fc.integer({ min: 0, max: 255 });
  const spelling = fc.constantFrom(
    (n: number) => String(n),
    (n: number) => `0x${n.toString(16)}`,
    (n: number) => `0${n.toString(8)}`,
  );
  fc.assert(
    fc.property(octet, octet, fc.array(spelling, { minLength: 4, maxLength: 4 }), (c, d, spell) => {
      const parts = [169, 254, c, d].map((n, i) => spell[i]?.(n) ?? String(n));
      expect(() => guard.checkEndpoint(`http://${parts.join(".")}`)).toThrow(/refused/);
      const low = (c * 256 + d).toString(16);
      for (const host of [`::ffff:a9fe:${low}`, `64:ff9b::a9fe:${low}`, `2002:a9fe:${low}::9`, `::a9fe:${low}`]) {
        expect(() => guard.checkEndpoint(`http://[${host}]`)).toThrow(/refused/);
      }
    }),
  );
});

test("a name is resolved to allowed addresses only", async () => {
  const look = (policy: NetworkPolicy, all: boolean) =>
    promisify(new AddressGuard(policy).lookup as (h: string, o: object, c: (e: unknown, a: unknown) => void) => void)(
      "localhost",
      { all },
    );
  expect(await look(open, false)).toMatch(/^(127\.0\.0\.1|::1)$/);
  expect(await look(open, true)).toEqual(expect.arrayContaining([expect.objectContaining({ family: 4 })]));
  await expect(look(closed, true)).rejects.toMatchObject({ name: "RemoteError", reason: "address_refused" });
  expect(await look({ allowPrivate: false, allow: ["localhost"] }, false)).toMatch(/^(127\.0\.0\.1|::1)$/);
});
