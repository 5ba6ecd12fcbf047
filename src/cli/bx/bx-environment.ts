import type { CliIo } from "../io.ts";

/**
 * The client's own variables, read as ours where ours do not name a server: ML_ENV is its address and ML_PASSWORD the
 * token for it. ML_USERNAME and ML_INSTANCE are not needed, since a token tells who it belongs to. A token of
 * TRAINYARD_TOKEN is never sent to the address of ML_ENV: profiles of that time may still name the old service.
 */
export function withClientVariables(io: CliIo): CliIo {
  const { env } = io;
  const isSet = (name: string): boolean => (env[name] ?? "") !== "";
  if (isSet("TRAINYARD_HOME") || isSet("TRAINYARD_URL") || !isSet("ML_ENV")) return io;
  return { ...io, env: { ...env, TRAINYARD_URL: env["ML_ENV"], TRAINYARD_TOKEN: env["ML_PASSWORD"] } };
}
