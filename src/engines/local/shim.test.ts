import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readBootId } from "./proc.ts";
import { SHIM } from "./shim.ts";

/** The shim by itself, in every shell that may be a system's /bin/sh and is at hand. */
const SHELLS = ["dash", "bash", "busybox sh", "ksh", "mksh"].filter(
  (shell) => spawnSync("/bin/sh", ["-c", `${shell} -c :`]).status === 0,
);

describe.for(SHELLS)("the shim in %s", (shell) => {
  it("leaves the end, the identity and the output of the command, and ends like it", () => {
    using place = shimPlace(shell);
    const { status, output } = place.run("echo out; echo err >&2; exit 42");
    expect({ status, output }).toEqual({ status: 42, output: "BANNER%s\nout\nerr\n" });
    expect(place.read("attempt-1.exit")).toBe("42\n");
    expect(place.read("attempt-1.pid")).toMatch(new RegExp(`^\\d+ \\d+ ${readBootId()} place GPU-1,GPU-2\n$`));
  });

  it("lets itself into its enclosure before the command runs", () => {
    using place = shimPlace(shell);
    place.write("entrance", "");
    place.write("memory-entrance", "");
    expect(place.run("cat entrance memory-entrance", "", ["entrance", "memory-entrance"]).output).toBe(
      "BANNER%s\n0\n0\n",
    );
  });

  it("runs the command all the same where it is not let in, and claims no enclosure", () => {
    using place = shimPlace(shell);
    expect(place.run("echo out", "", ["nowhere/entrance", "nowhere/at-all"])).toEqual({
      status: 0,
      output: "BANNER%s\nout\n",
    });
    expect(place.read("attempt-1.pid")).toMatch(new RegExp(`^\\d+ \\d+ ${readBootId()} - GPU-1,GPU-2\n$`));
  });

  it("runs nothing when the attempt is taken", () => {
    using place = shimPlace(shell);
    place.write("attempt-1.pid", "");
    expect(place.run("echo out")).toEqual({ status: 75, output: "" });
    expect(place.read("attempt-1.pid")).toBe("");
  });

  it("runs nothing and leaves nothing when its records cannot be written", () => {
    using place = shimPlace(shell);
    expect(place.run("echo out", "trap '' XFSZ; ulimit -f 0;")).toEqual({ status: 74, output: "" });
    expect(place.files()).toEqual([]);
  });

  it("tells the end of a command that a signal ended, without a word of its own", () => {
    using place = shimPlace(shell);
    expect(place.run("echo out; kill -KILL $$")).toEqual({ status: 137, output: "BANNER%s\nout\n" });
    expect(place.read("attempt-1.exit")).toBe("137\n");
  });

  it("lets the command be ended by signals that it takes itself", () => {
    using place = shimPlace(shell);
    expect(place.run("kill -TERM $PPID $$; sleep 10").status).toBe(143);
    expect(place.read("attempt-1.exit")).toBe("143\n");
  });
});

function shimPlace(shell: string) {
  const directory = mkdtempSync(join(tmpdir(), "trainyard-shim-"));
  return {
    run: (command: string, before = "", entrances: readonly string[] = ["", ""]) => {
      const inner = [command, "BANNER%s\n", join(directory, "attempt-1"), "GPU-1,GPU-2", "place", ...entrances];
      const script = `${before} exec ${shell} -c "$@"`;
      const started = spawnSync("/bin/sh", ["-c", script, "sh", SHIM, "shim", ...inner], { cwd: directory });
      return { status: started.status, output: started.stdout.toString() };
    },
    read: (name: string) => readFileSync(join(directory, name), "latin1"),
    write: (name: string, content: string) => writeFileSync(join(directory, name), content),
    files: () => readdirSync(directory),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true }),
  };
}
