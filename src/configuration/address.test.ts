import { expect, test } from "vitest";
import { isHostOrNetwork, isLoopback, parseListenAddress } from "./address.ts";

test.each([
  ["127.0.0.1:7878", "127.0.0.1", 7878],
  ["0.0.0.0:0", "0.0.0.0", 0],
  ["localhost:65535", "localhost", 65_535],
  ["gpu-1.example.com:80", "gpu-1.example.com", 80],
  ["[::1]:80", "::1", 80],
  ["[fe80::1%eth0]:80", "fe80::1%eth0", 80],
])("%s is an address to listen on", (text, host, port) => {
  expect(parseListenAddress(text)).toEqual({ host, port });
});

test.each([
  "",
  ":80",
  "7878",
  "localhost",
  "localhost:",
  "::1:80",
  "[localhost]:80",
  "[::1]",
  "1.2.3:80",
  "256.1.1.1:80",
])("'%s' is no address to listen on", (text) => {
  expect(parseListenAddress(text)).toBeUndefined();
});

test.each(["a b:80", "http://a:80", "a:80/", "a:-1", "a:65536", "a:1e3", "-a:80", "a..b:80"])(
  "'%s' with something too much is no address to listen on",
  (text) => {
    expect(parseListenAddress(text)).toBeUndefined();
  },
);

test.each(["minio", "minio.example.com", "10.0.0.1", "10.0.0.0/8", "::1", "fd00::/8", "0.0.0.0/0"])(
  "%s names hosts to allow",
  (text) => {
    expect(isHostOrNetwork(text)).toBe(true);
  },
);

test.each([
  "",
  "http://minio",
  "minio:9000",
  "10.0.0.0/33",
  "fd00::/129",
  "10.0.0/8",
  "minio/8",
  "10.0.0.0/8/8",
  "10.0.0.0/",
])("'%s' does not name hosts to allow", (text) => {
  expect(isHostOrNetwork(text)).toBe(false);
});

test("only this machine reaches a loopback address", () => {
  const hosts = ["localhost", "127.0.0.1", "127.1.2.3", "::1", "0.0.0.0", "::", "10.0.0.1", "127.example.com"];
  expect(hosts.filter((host) => isLoopback({ host, port: 1 }))).toEqual(["localhost", "127.0.0.1", "127.1.2.3", "::1"]);
});
