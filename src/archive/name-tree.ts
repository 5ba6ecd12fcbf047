import { archiveUnsafe } from "../domain/archive-errors.ts";
import { showName } from "./entry-name.ts";
import { tooManyEntries } from "./size-rules.ts";

interface TreeNode {
  /** As first seen, from the top of the ZIP. */
  readonly path: string;
  readonly kind: "file" | "folder";
  readonly children: Map<string, TreeNode>;
}

/** Shared by all files: nothing is ever put below one, that would be a collision. */
const NO_CHILDREN = new Map<string, TreeNode>();

/**
 * Every file and folder of a ZIP under the name it has on any file system: two that differ only in case or in the
 * way an accent is written are one, because on some machines they would be.
 */
export class NameTree {
  readonly #root: TreeNode = { path: "", kind: "folder", children: new Map() };
  readonly #maxNodes: number;
  #nodes = 0;

  constructor(maxNodes: number) {
    this.#maxNodes = maxNodes;
  }

  addFile(segments: readonly string[]): void {
    const parent = this.addFolder(segments.slice(0, -1));
    const name = segments.at(-1) ?? "";
    const known = parent.children.get(fold(name));
    if (known !== undefined) throw collision(joined(parent, name), known, "file");
    this.#insert(parent, name, "file");
  }

  /** Also adds the folders around it. The same folder twice is no conflict. */
  addFolder(segments: readonly string[]): TreeNode {
    let folder = this.#root;
    for (const name of segments) {
      const known = folder.children.get(fold(name));
      const path = joined(folder, name);
      if (known !== undefined && (known.kind === "file" || known.path !== path)) throw collision(path, known, "folder");
      folder = known ?? this.#insert(folder, name, "folder");
    }
    return folder;
  }

  /** The one folder that holds everything, if there is one. */
  onlyTopFolder(): string | undefined {
    const [first, second] = this.#root.children.values();
    return second === undefined && first?.kind === "folder" ? first.path : undefined;
  }

  /** Every folder, each after the one it is in. */
  folders(): readonly string[] {
    const paths: string[] = [];
    const open = [this.#root];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (node.kind === "file") continue;
      if (node !== this.#root) paths.push(node.path);
      open.push(...node.children.values());
    }
    return paths;
  }

  #insert(parent: TreeNode, name: string, kind: TreeNode["kind"]): TreeNode {
    this.#nodes += 1;
    if (this.#nodes > this.#maxNodes) throw tooManyEntries(this.#maxNodes);
    const node: TreeNode = { path: joined(parent, name), kind, children: kind === "file" ? NO_CHILDREN : new Map() };
    parent.children.set(fold(name), node);
    return node;
  }
}

function joined(parent: TreeNode, name: string): string {
  return parent.path === "" ? name : `${parent.path}/${name}`;
}

function fold(name: string): string {
  return name.normalize("NFC").toLowerCase().normalize("NFC");
}

function collision(path: string, known: TreeNode, kind: TreeNode["kind"]): Error {
  const name = `'${showName(path)}'`;
  if (known.path !== path) {
    return archiveUnsafe(
      `${name} and '${showName(known.path)}' differ only in case or in the way an accent is written`,
      "Rename one of the two; on some machines they are the same file.",
    );
  }
  if (known.kind !== kind) {
    return archiveUnsafe(`${name} is both a file and a folder`, "Rename one of the two and pack again.");
  }
  return archiveUnsafe(`${name} is in it twice`, "Pack the files again into a new ZIP.");
}
