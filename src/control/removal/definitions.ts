import { opendir } from "node:fs/promises";
import { join } from "node:path";
import { rename, rm } from "../../base/world-files.ts";
import { syncFolder } from "../../base/sync-folder.ts";
import type { DefinitionContent } from "../../domain/definition-content.ts";
import type { Run } from "../../domain/run.ts";
import type { Store } from "../../store/store.ts";
import { onDisk } from "../run/disk-trouble.ts";

/** What `src/archive` reads a definition from. */
export function archiveIn(content: DefinitionContent): string | Uint8Array {
  return content.kind === "bytes" ? content.bytes : content.path;
}

/**
 * Model definition ZIPs by content, shared by runs, byte for byte as uploaded: small ones in the store, together with
 * their runs, larger ones as `home/definitions/SHA256.zip`. A file stays while any run, or a submission on its way, uses it.
 */
export class Definitions {
  readonly #folder: string;
  readonly #store: Store;
  /** Submissions between taking the file in and their row in the database, by SHA-256. */
  readonly #arriving = new Map<string, number>();
  /** Removals under way: a ZIP that arrives meanwhile is put in place after them, never before. */
  readonly #leaving = new Map<string, Promise<void>>();

  constructor(home: string, store: Store) {
    this.#folder = join(home, "definitions");
    this.#store = store;
  }

  #path(sha256: string): string {
    return join(this.#folder, `${sha256}.zip`);
  }

  /** The ZIP of a run; a file may turn out not to be there when it is read. */
  async contentOf({ definitionSha256, definitionSizeBytes }: Run): Promise<DefinitionContent> {
    const bytes = await this.#store.findDefinition(definitionSha256);
    if (bytes !== undefined) return { kind: "bytes", bytes };
    return { kind: "file", path: this.#path(definitionSha256), sizeBytes: definitionSizeBytes };
  }

  /**
   * Keeps an uploaded ZIP while `register` writes what refers to it: bytes are written by `register` itself, at one
   * stroke with that; for a file it gets null.
   */
  async takeOver<T>(
    content: DefinitionContent,
    sha256: string,
    register: (bytes: Uint8Array | null) => Promise<T>,
  ): Promise<T> {
    if (content.kind === "bytes") return register(content.bytes);
    return this.#takeOverFile(content.path, sha256, async () => register(null));
  }

  /**
   * Takes over an uploaded, synced file while `register` writes what refers to it. The name is durable before
   * `register` is called, so a row never refers to a ZIP that a crash could lose. When `register` fails, nothing stays.
   */
  async #takeOverFile<T>(uploadedPath: string, sha256: string, register: () => Promise<T>): Promise<T> {
    this.#arriving.set(sha256, (this.#arriving.get(sha256) ?? 0) + 1);
    try {
      // A removal that failed has left the file, which is replaced here.
      await this.#leaving.get(sha256)?.catch(() => undefined);
      await onDisk("the model definition", async () => {
        await rename(uploadedPath, this.#path(sha256));
        await syncFolder(this.#folder);
      });
      const registered = await register();
      this.#hasArrived(sha256);
      return registered;
    } catch (error) {
      this.#hasArrived(sha256);
      // Should this fail too, the first error tells more, and the next sweep takes the file.
      await this.removeUnused(sha256).catch(() => undefined);
      throw error;
    }
  }

  #hasArrived(sha256: string): void {
    const left = (this.#arriving.get(sha256) ?? 1) - 1;
    if (left === 0) this.#arriving.delete(sha256);
    else this.#arriving.set(sha256, left);
  }

  /** Removes the ZIP unless somebody still needs it. */
  async removeUnused(sha256: string): Promise<void> {
    if (await this.#store.isDefinitionUsed(sha256)) return;
    // Asked after the wait: a submission that began meanwhile keeps the file.
    if (this.#arriving.has(sha256) || this.#leaving.has(sha256)) return;
    const leaving = rm(this.#path(sha256), { force: true }).finally(() => this.#leaving.delete(sha256));
    this.#leaving.set(sha256, leaving);
    await leaving;
  }

  /** Removes what a server left that died between a ZIP and its row, or between a row and its ZIP. */
  async sweep(signal: AbortSignal): Promise<void> {
    for await (const { name } of await opendir(this.#folder)) {
      if (signal.aborted) return;
      const [, sha256] = /^([0-9a-f]{64})\.zip$/.exec(name) ?? [];
      if (sha256 !== undefined) await this.removeUnused(sha256);
    }
  }
}
