import type { Context } from "../context.ts";

export async function runBx(_args: readonly string[], _context: Context): Promise<number> {
  return 1;
}
