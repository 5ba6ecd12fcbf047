/** Without the quotes that HTTP wants and some servers forget. */
export function plainEtag(etag: string | undefined): string | null {
  return etag === undefined ? null : etag.replace(/^"|"$/g, "");
}
