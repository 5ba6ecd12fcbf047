import type { ConnectionCredentials, Credentials } from "../../domain/training-spec.ts";
import { SecretMask } from "../../logs/secret-mask.ts";

/** Opening sealed credentials for each piece of a log would cost more than the piece. */
const KEPT_MASKS = 256;

/** The masks over the logs of runs, one for each run, made of what it was sealed with. May be asked by all readers at once. */
export class SecretMasks {
  readonly #open: (runId: string) => Promise<Credentials>;
  readonly #tokenOf: (runId: string) => string | null;
  readonly #masks = new Map<string, Promise<SecretMask>>();

  /** `tokenOf` gives the token that the run's program finds in its environment. */
  constructor(open: (runId: string) => Promise<Credentials>, tokenOf: (runId: string) => string | null) {
    this.#open = open;
    this.#tokenOf = tokenOf;
  }

  /** Rejects when the credentials cannot be opened: a log whose secrets are not known is not given away. */
  async of(runId: string): Promise<SecretMask> {
    const known = this.#masks.get(runId) ?? this.#make(runId);
    // The one asked for last is the last to go.
    this.#masks.delete(runId);
    this.#masks.set(runId, known);
    for (const oldest of this.#masks.keys()) {
      if (this.#masks.size <= KEPT_MASKS) break;
      this.#masks.delete(oldest);
    }
    return known;
  }

  async #make(runId: string): Promise<SecretMask> {
    try {
      const token = this.#tokenOf(runId);
      return new SecretMask([...secretsIn(await this.#open(runId)), ...(token === null ? [] : [token])]);
    } catch (error) {
      this.#masks.delete(runId);
      throw error;
    }
  }
}

/** Everything that lets somebody in; the key's id too, which is half of a pair. A user's name is no secret. */
function secretsIn({ data, results }: Credentials): readonly string[] {
  return [...new Set([data, results].flatMap((credentials) => (credentials === null ? [] : secretsOf(credentials))))];
}

function secretsOf(credentials: ConnectionCredentials): readonly string[] {
  if (credentials.type === "swift") return [credentials.password];
  return [credentials.accessKeyId, credentials.secretAccessKey];
}
