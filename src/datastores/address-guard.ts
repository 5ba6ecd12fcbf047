import { lookup as systemLookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { configurationInvalid, endpointNotAllowed } from "../domain/errors.ts";
import { RemoteError } from "./remote-error.ts";

/** Which of the addresses that a user may name this server contacts (`stores.network` of the configuration). */
export interface NetworkPolicy {
  /** Loopback and private networks. Link-local and metadata addresses are refused whatever is set here. */
  readonly allowPrivate: boolean;
  /** Addresses (`10.0.0.7`), networks (`10.1.0.0/16`) and host names that are allowed although they are private. */
  readonly allow: readonly string[];
}

/** Never contacted: what answers there acts for this machine itself (cloud metadata), or is no single machine. */
const NEVER = [
  "0.0.0.0/8", // "This host": Linux takes it for loopback.
  "169.254.0.0/16", // Link-local, with the metadata service of most clouds at 169.254.169.254.
  "100.100.100.200/32", // Metadata of Alibaba Cloud.
  "192.0.0.192/32", // Metadata of Oracle Cloud.
  "168.63.129.16/32", // Azure's host agent.
  "224.0.0.0/4",
  "240.0.0.0/4",
  "::/128",
  "fe80::/10",
  "fec0::/10",
  "ff00::/8",
  "fd00:ec2::/32", // Metadata and services of AWS.
  "fd20:ce::/32", // Metadata of Google Cloud.
  "fd00:42::42/128", // Metadata of Scaleway.
  "64:ff9b:1::/48", // Translation to IPv4 whose layout is each network's own.
  "2001::/32", // Teredo: carries an IPv4 address in disguise.
];

const PRIVATE = [
  "127.0.0.0/8",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "100.64.0.0/10",
  "192.0.0.0/24",
  "198.18.0.0/15",
  "::1/128",
  "fc00::/7",
];

/** IPv6 spellings of an IPv4 address: mapped, compatible, NAT64 and 6to4, each with the bits before the address. */
const EMBEDDINGS = [
  { before: "::ffff:", bits: 96 },
  { before: "::", bits: 96 },
  { before: "64:ff9b::", bits: 96 },
] as const;

/** By name, for the moment of submission; what other names lead to shows when they are resolved. */
const NEVER_NAMES = new Set([
  "metadata",
  "metadata.google.internal",
  "metadata.goog",
  "instance-data",
  "instance-data.ec2.internal",
]);

/** What makes connections needs of a guard. */
export type EndpointGuard = Pick<AddressGuard, "checkEndpoint" | "lookup">;

type Verdict = { readonly allowed: true } | { readonly allowed: false; readonly fact: string };

/** Judges endpoints that users name, when they are submitted and again when a connection is made. */
export class AddressGuard {
  readonly #allowPrivate: boolean;
  readonly #never = blockList(NEVER);
  readonly #private = blockList(PRIVATE);
  readonly #allowed: BlockList;
  readonly #allowedNames: ReadonlySet<string>;

  constructor(policy: NetworkPolicy) {
    this.#allowPrivate = policy.allowPrivate;
    const networks = policy.allow.filter(isNetwork);
    this.#allowed = blockList(networks.map((entry) => (entry.includes("/") ? entry : `${entry}/${fullBits(entry)}`)));
    const names = policy.allow.filter((entry) => !isNetwork(entry));
    this.#allowedNames = new Set(names.map(requireName));
  }

  /** Throws `endpoint_not_allowed` for what can be told without the network. Gives the URL in its one normal form. */
  checkEndpoint(endpointUrl: string): URL {
    const url = URL.canParse(endpointUrl) ? new URL(endpointUrl) : undefined;
    if (url === undefined) throw endpointNotAllowed(withoutUserInfo(endpointUrl), "it is not a URL");
    const shown = `${url.protocol}//${url.host}`;
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      throw endpointNotAllowed(shown, "only http and https are spoken");
    }
    if (url.username !== "" || url.password !== "") {
      throw endpointNotAllowed(shown, "a user name or password in the URL would be seen in logs");
    }
    if (url.search !== "" || url.hash !== "") {
      throw endpointNotAllowed(shown, "an endpoint has neither a query ('?') nor a fragment ('#')");
    }
    // The URL parser has already turned every other spelling of an IPv4 address (0xa9fea9fe, 169.254.43518) to dots.
    const host = bareHost(url.hostname);
    const verdict = isIP(host) === 0 ? this.#judgeName(host) : this.#judge(host, host);
    if (!verdict.allowed) throw endpointNotAllowed(shown, verdict.fact);
    return url;
  }

  /**
   * For the agents that make connections: resolves a name once and gives only addresses that are allowed, so that the
   * address that was checked is the one that is contacted. Sockets skip it for literal addresses: check those before.
   */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    systemLookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, "", 0);
      const verdicts = addresses.map(({ address }) => this.#judge(address, hostname));
      const allowed = addresses.filter((_, index) => verdicts[index]?.allowed);
      const [first] = allowed;
      if (first === undefined) return callback(refused(hostname, verdicts), "", 0);
      if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };

  #judgeName(host: string): Verdict {
    if (NEVER_NAMES.has(host)) return { allowed: false, fact: `'${host}' is a cloud's metadata service` };
    const isLoopback = host === "localhost" || host.endsWith(".localhost");
    return isLoopback ? this.#judge("127.0.0.1", host) : { allowed: true };
  }

  #judge(address: string, host: string): Verdict {
    const bare = address.replace(/%.*$/, "");
    const family = isIP(bare) === 6 ? "ipv6" : "ipv4";
    if (this.#never.check(bare, family)) {
      return {
        allowed: false,
        fact: `${bare} is a link-local, metadata or reserved address, which is never contacted`,
      };
    }
    if (this.#allowPrivate || !this.#private.check(bare, family)) return { allowed: true };
    if (this.#allowed.check(bare, family) || this.#allowedNames.has(host.toLowerCase())) return { allowed: true };
    return { allowed: false, fact: `${bare} is a private or loopback address, which this server does not contact` };
  }
}

function refused(hostname: string, verdicts: readonly Verdict[]): RemoteError {
  const facts = verdicts.flatMap((verdict) => (verdict.allowed ? [] : [verdict.fact]));
  const fact = facts[0] ?? "it has no address";
  return new RemoteError("address_refused", `The host '${hostname}' is refused: ${fact}.`, { retryable: false });
}

/** The networks themselves and every IPv6 spelling of those of IPv4. */
function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", bits = ""] = network.split("/");
    const isV6 = isIP(address) === 6;
    list.addSubnet(address, Number(bits), isV6 ? "ipv6" : "ipv4");
    if (isV6) continue;
    for (const { before, bits: more } of EMBEDDINGS) {
      // `::0.0.0.1` is no spelling of an IPv4 address but `::1`, loopback.
      if (before !== "::" || !address.startsWith("0.")) list.addSubnet(before + address, more + Number(bits), "ipv6");
    }
    const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
    const group = (high: number, low: number): string => (high * 256 + low).toString(16);
    list.addSubnet(`2002:${group(a, b)}:${group(c, d)}::`, 16 + Number(bits), "ipv6");
  }
  return list;
}

function isNetwork(entry: string): boolean {
  const [address = "", bits, ...more] = entry.split("/");
  if (isIP(address) === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= fullBits(address));
}

function fullBits(address: string): number {
  return isIP(address) === 6 ? 128 : 32;
}

function requireName(entry: string): string {
  if (/^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/i.test(entry)) return entry.toLowerCase();
  throw configurationInvalid(
    `'${entry}' in stores.network.allow is no address, network or host name.`,
    "Write an address (10.0.0.7), a network (10.1.0.0/16) or the exact name of a host (minio.example.org).",
  );
}

/** Without the brackets of IPv6 and the final dot that DNS allows. */
function bareHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
}

function withoutUserInfo(text: string): string {
  return text.replace(/\/\/[^/]*@/, "//");
}
