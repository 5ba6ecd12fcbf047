import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, describe } from "vitest";
import type { Clock } from "../base/clock.ts";
import { makeFakeMachine } from "../../test/fixtures/fake-machine.ts";
import { isAvailable } from "../../tools/requirements.ts";
import { runCommand } from "./bounded-command.ts";
import type { CommandRunner } from "./bounded-command.ts";
import { createCatalogue } from "./catalogue.ts";
import type { CatalogueOptions } from "./catalogue.ts";
import type { ConfiguredEnvironment } from "./configured-environment.ts";

const never = new AbortController().signal;

/** A catalogue of a machine on which nothing is installed but what the test adds, and a clock that the test moves. */
async function setup(options: Partial<CatalogueOptions> = {}) {
  const machine = await makeFakeMachine();
  const asked: string[] = [];
  const run: CommandRunner = async (command, signal) => {
    asked.push(command.file);
    return await runCommand(command, signal);
  };
  let nowMs = 0;
  const clock: Clock = {
    now: () => new Date(nowMs),
    monotonicMs: () => nowMs,
    sleep: () => Promise.reject(new Error("The catalogue never sleeps.")),
  };
  const catalogue = createCatalogue({ run, clock, searchPath: machine.searchPath, wellKnownPythons: [], ...options });
  return {
    machine,
    asked,
    catalogue,
    advance(ms: number) {
      nowMs += ms;
    },
    resolve: (framework: string, version: string) => catalogue.resolve(framework, version, never),
    async label(framework: string, version: string) {
      const resolution = await catalogue.resolve(framework, version, never);
      return resolution.found ? resolution.environment.label : resolution.fact;
    },
    [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose](),
  };
}

function entry(change: Partial<ConfiguredEnvironment>): ConfiguredEnvironment {
  return { framework: "caffe", version: "1.0", aliases: [], python: null, path: [], env: {}, probe: null, ...change };
}

describe("resolve", () => {
  it("finds a framework by the beginning of its version, by alias, and by any and latest", async () => {
    await using t = await setup();
    const python = await t.machine.addPython("first/python3", { modules: { sklearn: "1.13.1" } });
    const label = `scikit-learn 1.13.1 on Python 3.11.2 (${python})`;
    for (const version of ["1", "1.13", "1.13.1", "1.13-py3", "any", "latest"]) {
      expect(await t.label("scikit-learn", version)).toBe(label);
    }
    expect(await t.label("Sklearn", "1.13")).toBe(label);
    expect(await t.resolve("sklearn", "any")).toMatchObject({
      environment: { origin: "found", programs: { python, python3: python }, path: [] },
    });
  });

  it("latest takes the newest, any the first on the search path", async () => {
    await using t = await setup();
    await t.machine.addPython("first/python3", { modules: { torch: "1.9.0" } });
    await t.machine.addPython("second/python3", { modules: { torch: "1.10.0" } });
    expect(await t.label("pytorch", "any")).toMatch(/^PyTorch 1\.9\.0 /);
    expect(await t.label("pytorch", "latest")).toMatch(/^PyTorch 1\.10\.0 /);
    expect(await t.label("pytorch", "1")).toMatch(/^PyTorch 1\.10\.0 /);
    expect(await t.label("pytorch", "1.9")).toMatch(/^PyTorch 1\.9\.0 /);
  });

  it("-py2 and -py3 pick the interpreter, and one that is not here is never replaced by another", async () => {
    await using t = await setup();
    const two = await t.machine.addPython("first/python3", { version: "2.7.18", modules: { numpy: "1.16.6" } });
    expect(await t.label("numpy", "1.16-py2")).toBe(`NumPy 1.16.6 on Python 2.7.18 (${two})`);
    expect(await t.label("numpy", "1.16-py3")).toBe(
      `it is here as NumPy 1.16.6 on Python 2.7.18 (${two}), not for Python 3`,
    );
  });

  it("shell needs no probe", async () => {
    await using t = await setup();
    expect(await t.resolve("shell", "any")).toMatchObject({ environment: { origin: "built_in", programs: {} } });
    expect(t.asked).toEqual([]);
    expect(await t.resolve("shell", "5")).toMatchObject({ found: false, hint: "Write version 'any'." });
  });

  it("the Node that runs the service is always there", async () => {
    await using t = await setup();
    expect(await t.resolve("nodejs", process.versions.node)).toMatchObject({
      environment: { framework: "node", programs: { node: process.execPath } },
    });
  });
});

describe("a refusal names", () => {
  it("the versions that are here", async () => {
    await using t = await setup();
    await t.machine.addPython("first/python3", { modules: { sklearn: "1.2.1" } });
    await t.machine.addPython("second/python3", { modules: { sklearn: "1.0.2" } });
    expect(await t.resolve("scikit-learn", "0.17")).toEqual({
      found: false,
      fact: "scikit-learn is here as 1.2.1 and 1.0.2, not 0.17",
      hint: expect.stringContaining("'environments:' in trainyard.yaml"),
    });
    expect(await t.label("scikit-learn", "1.20")).toContain("not 1.20");
    expect(await t.label("scikit-learn", "1.x")).toContain("'1.x' is not the beginning of a version in numbers");
  });

  it("where it looked and the command that installs the framework", async () => {
    await using t = await setup();
    const python = await t.machine.addPython("first/python3");
    const broken = await t.machine.addProgram("second/python3", "exit 9");
    expect(await t.resolve("pytorch", "any")).toEqual({
      found: false,
      fact: `no Python with torch was found (looked at: ${python}, ${broken}, which is broken: it exited with 9)`,
      hint: expect.stringContaining("apt-get install --no-install-recommends python3-torch libopenblas0-pthread"),
    });
  });

  it("that there is no Python at all", async () => {
    await using t = await setup();
    expect(await t.label("numpy", "any")).toBe("no Python with numpy was found (there is no python3 at all)");
    expect(await t.label("python", "3")).toBe("no working Python was found (there is no python3 at all)");
  });

  it("a name of 2017 as known, with the version that a package must have", async () => {
    await using t = await setup();
    expect(await t.resolve("tensorflow", "1.2-py3")).toEqual({
      found: false,
      fact: "the name is known, but no Python with tensorflow was found (there is no python3 at all)",
      hint: expect.stringMatching(/in a version that begins with 1\.2: .*'tensorflow 1\.2-py3' under 'environments:'/),
    });
    expect(await t.label("caffe", "1.0-py2")).toBe(
      "the name is known (1.0-py2 in 2017-18), but it is not installed here",
    );
  });

  it("pytorch to whoever writes torch", async () => {
    await using t = await setup();
    await t.machine.addPython("first/python3", { modules: { torch: "1.13.1" } });
    expect(await t.label("torch", "luajit")).toContain("PyTorch is called 'pytorch'");
    expect(await t.label("torch", "1.13")).toContain("PyTorch is called 'pytorch'");
  });

  it("the nearest name to whoever mistypes one", async () => {
    await using t = await setup();
    expect(await t.resolve("pytroch", "1")).toEqual({
      found: false,
      fact: "no framework of the name 'pytroch' is known here",
      hint: expect.stringMatching(/^Did you mean 'pytorch'\? Here are: node, shell\./),
    });
  });

  it("the import error of a framework that is installed but broken", async () => {
    await using t = await setup();
    const failed = '{"kind":"failed","module":"torch","reason":"ImportError: libgomp.so.1"}';
    const python = await t.machine.addProgram(
      "first/python3",
      `echo 'trainyard-probe {"kind":"interpreter","executable":"'"$0"'","version":"3.11.2"}'
      echo 'trainyard-probe ${failed}'`,
    );
    expect(await t.label("pytorch", "any")).toContain(
      `${python} has torch, but it cannot be imported: ImportError: libgomp.so.1`,
    );
  });
});

describe("probing", () => {
  it("is done once for all who ask at the same time, and then remembered", async () => {
    await using t = await setup();
    await t.machine.addPython("first/python3", { modules: { numpy: "1.0" } });
    await Promise.all([t.catalogue.list(never), t.resolve("numpy", "1"), t.resolve("numpy", "any")]);
    const asked = t.asked.length;
    await t.resolve("numpy", "1.0");
    expect(await t.catalogue.list(never)).toHaveLength(4); // NumPy, Python, Node, shell
    expect(t.asked).toHaveLength(asked);
  });

  it("is repeated for what is missing, but at most every five seconds", async () => {
    await using t = await setup();
    expect(await t.resolve("numpy", "1")).toMatchObject({ found: false });
    await t.machine.addPython("first/python3", { modules: { numpy: "1.0" } });
    t.advance(4_999);
    expect(await t.resolve("numpy", "1")).toMatchObject({ found: false });
    t.advance(1);
    expect(await t.resolve("numpy", "1")).toMatchObject({ found: true });
  });

  it("is repeated at once when an interpreter that it found has gone", async () => {
    await using t = await setup();
    const python = await t.machine.addPython("first/python3", { modules: { numpy: "1.0" } });
    expect(await t.resolve("numpy", "1")).toMatchObject({ found: true });
    await rm(python);
    expect(await t.resolve("numpy", "1")).toMatchObject({ found: false });
  });

  it("is repeated at once when the folder of a virtual environment has gone", async () => {
    await using t = await setup();
    await t.machine.addPython("first/python3", { modules: { numpy: "1.0" } });
    await writeFile(join(t.machine.root, "pyvenv.cfg"), "");
    expect(await t.resolve("numpy", "1")).toMatchObject({
      environment: { programs: {}, path: [join(t.machine.root, "first")] },
    });
    await rm(join(t.machine.root, "first"), { recursive: true });
    expect(await t.resolve("numpy", "1")).toMatchObject({ found: false });
  });

  it("ends when nobody waits for it any more, and leaves the catalogue usable", async () => {
    await using t = await setup();
    const python = await t.machine.addProgram("first/python3", "sleep 600");
    await expect(t.catalogue.list(AbortSignal.timeout(100))).rejects.toThrow("timeout");
    await rm(python);
    expect(await t.catalogue.list(never)).toHaveLength(2);
  });
});

describe("a configured environment", () => {
  it("wins over a found one of the same version", async () => {
    await using machine = await makeFakeMachine();
    const own = await machine.addPython("opt/python", { version: "3.9.1" });
    await using t = await setup({
      configured: [entry({ framework: "PyTorch", version: "1.13", python: own, env: { MKL_DEBUG: "1" } })],
    });
    await t.machine.addPython("first/python3", { modules: { torch: "1.13.1" } });
    expect(await t.resolve("pytorch", "1.13")).toEqual({
      found: true,
      environment: {
        framework: "pytorch",
        version: "1.13",
        label: `PyTorch 1.13 on Python 3.9.1 (${own}), configured`,
        origin: "configured",
        programs: { python: own, python3: own },
        path: [],
        env: { MKL_DEBUG: "1" },
      },
    });
    expect(await t.label("pytorch", "latest")).toContain("configured");
    expect(await t.label("pytorch", "1.13.1")).toContain("PyTorch 1.13.1 on Python 3.11.2");
    expect(await t.label("pytorch", "1.13-py2")).toContain("not for Python 2");
  });

  it("answers to its own words and to its aliases", async () => {
    await using t = await setup({
      configured: [
        entry({ framework: "torch", version: "luajit" }),
        entry({ framework: "tensorflow", version: "1.15", aliases: ["1.2-py3"] }),
      ],
    });
    expect(await t.label("torch", "luajit")).toBe("Torch7 luajit, configured");
    expect(await t.label("tensorflow", "1.2-py3")).toBe("TensorFlow 1.15, configured");
    expect(await t.label("tensorflow", "1.3-py3")).toBe("tensorflow is here as 1.15, not 1.3-py3");
  });

  it("is probed inside itself: with its programs, folders and variables", async () => {
    await using machine = await makeFakeMachine();
    const python = await machine.addPython("opt/python");
    await machine.addProgram("tools/caffe", 'test "$ROLE" = trainer');
    const probe = `caffe && test "$(command -v python)" != "${python}" && python | grep -q interpreter`;
    const configured = [entry({ python, path: [`${machine.root}/tools`], env: { ROLE: "trainer" }, probe })];
    await using t = await setup({ configured });
    expect(await t.label("caffe", "1.0")).toContain("Caffe 1.0 on Python 3.11.2");
  });

  it("whose probe fails is refused with the probe's words, though another of that version was found", async () => {
    await using t = await setup({
      configured: [entry({ framework: "numpy", version: "1.24", probe: "echo 'no numpy here' >&2; exit 4" })],
    });
    await t.machine.addPython("first/python3", { modules: { numpy: "1.24.2" } });
    expect(await t.resolve("numpy", "1.24")).toEqual({
      found: false,
      fact: expect.stringMatching(
        /^its entry in the configuration does not work: its probe '.*' failed: it exited with 4: no numpy here$/,
      ),
      hint: expect.stringContaining("'numpy 1.24' under 'environments:'"),
    });
    expect(await t.label("numpy", "1.24.2")).toContain("NumPy 1.24.2");
  });

  it("whose folder is not there is refused with the folder", async () => {
    await using t = await setup({ configured: [entry({ path: ["/nowhere/bin"] })] });
    expect(await t.label("caffe", "1.0")).toMatch(/does not work: there is no folder \/nowhere\/bin$/);
  });

  it("whose interpreter is not there is refused with its path", async () => {
    await using t = await setup({ configured: [entry({ python: "/nowhere/python2" })] });
    expect(await t.label("caffe", "1.0")).toMatch(/\/nowhere\/python2 is no working Python: it does not start/);
  });
});

it.runIf(isAvailable("python-frameworks"))(
  "the frameworks of this machine are found without any configuration",
  async () => {
    const found = (await createCatalogue().list(never)).map(({ framework }) => framework);
    expect(found).toEqual(expect.arrayContaining(["pytorch", "scikit-learn", "numpy", "python", "node", "shell"]));
  },
);
