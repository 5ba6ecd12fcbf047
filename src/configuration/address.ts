import { isIP } from "node:net";

export interface ListenAddress {
  readonly host: string;
  /** 0 lets the system pick a free one. */
  readonly port: number;
}

const HOST_AND_PORT = /^(?:\[([^\]\s]+)\]|([^\s:/[\]]+)):([0-9]{1,5})$/;
const HOST_NAME = /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?)+$/i;

/** `127.0.0.1:7878`, `[::1]:0`, `localhost:8080`; undefined for anything else. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const [, bracketed, plain, portText] = HOST_AND_PORT.exec(text) ?? [];
  const port = Number(portText);
  if (portText === undefined || port > 65_535) return undefined;
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? { host: bracketed, port } : undefined;
  return plain !== undefined && isHost(plain) ? { host: plain, port } : undefined;
}

/** A host name, an address, or a network such as `10.0.0.0/8`. */
export function isHostOrNetwork(text: string): boolean {
  const [address = "", bits, ...rest] = text.split("/");
  if (bits === undefined) return isHost(text) || isIP(text) !== 0;
  const longest = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return rest.length === 0 && /^[0-9]{1,3}$/.test(bits) && Number(bits) <= longest;
}

function isHost(text: string): boolean {
  // A name of digits and dots only is an address, and then a whole one.
  return /^[0-9.]+$/.test(text) ? isIP(text) === 4 : HOST_NAME.test(text);
}

/** Whether only programs on this machine can reach it. A name other than `localhost` may resolve to anything. */
export function isLoopback({ host }: ListenAddress): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
