/** An endpoint as it is kept, or the fact that makes it unusable. The fact never quotes the value. */
export type EndpointReading =
  | { readonly url: string }
  | { readonly url: null; readonly fact: string; readonly hint: string };

const EXAMPLE = "Write it like 'https://s3.example.com'.";

/** Schemes that people do write here; any other text before '://' might be anything and is not repeated. */
const WRONG_SCHEMES = new Set([
  "ftp",
  "ftps",
  "sftp",
  "file",
  "s3",
  "s3a",
  "cos",
  "swift",
  "ssh",
  "ws",
  "wss",
  "gopher",
]);

/**
 * Reads the endpoint of an object store: http or https, no scheme means https, no user, query or fragment. Which
 * addresses may be contacted is decided where the connection is made.
 */
export function readEndpoint(source: string): EndpointReading {
  const text = source.trim();
  // The URL parser drops tabs and line ends and takes a backslash for a slash, so these must not reach it.
  if (/[\s\\\p{Cc}]/u.test(text)) return refuse("holds a blank, a backslash or a control character", EXAMPLE);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== "http" && scheme !== "https") {
    const named = WRONG_SCHEMES.has(scheme) ? `has the scheme '${scheme}'` : "has a scheme that is not http or https";
    return refuse(named, EXAMPLE);
  }
  const whole = scheme === undefined ? `https://${text}` : text;
  if (!URL.canParse(whole)) return refuse("is not a URL", EXAMPLE);
  const url = new URL(whole);
  if (url.username !== "" || url.password !== "" || /^[^/]*\/\/[^/?#]*@/.test(whole)) {
    return refuse(
      "holds a user name or password",
      "Put them into their own fields; the endpoint is the address alone.",
    );
  }
  if (url.search !== "" || url.hash !== "" || /[?#]/.test(whole)) return refuse("holds a query or a fragment", EXAMPLE);
  return { url: `${url.origin}${url.pathname.replace(/\/+$/, "")}` };
}

function refuse(fact: string, hint: string): EndpointReading {
  return { url: null, fact, hint };
}
