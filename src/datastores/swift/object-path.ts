/** The container's path below the account. */
export function containerPath(bucket: string): string {
  return `/${escape(bucket)}`;
}

export function objectPath(bucket: string, key: string): string {
  return `/${escape(bucket)}/${key.split("/").map(escape).join("/")}`;
}

function escape(text: string): string {
  // Half a character cannot be sent; what stands for it is refused by nobody and found by nobody.
  return encodeURIComponent(text.toWellFormed());
}
