import { spawnSync } from "node:child_process";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeFakeMachine } from "../../test/fixtures/fake-machine.ts";
import { isAvailable } from "../../tools/requirements.ts";
import { runCommand } from "./bounded-command.ts";
import type { CommandRunner } from "./bounded-command.ts";
import { askPython, probePythons } from "./probe-python.ts";

const never = new AbortController().signal;

function ask(interpreter: string, modules: readonly string[] = [], timeLimitMs = 10_000) {
  return askPython(interpreter, modules, { run: runCommand, timeLimitMs }, never);
}

describe("a Python that does not work is reported with the reason", () => {
  it("when it exits with a complaint", async () => {
    await using machine = await makeFakeMachine();
    const python = await machine.addProgram("python3", "echo 'libpython3.so: not found' >&2; exit 127");
    expect(await ask(python)).toEqual({
      status: "broken",
      interpreter: python,
      reason: "it exited with 127: libpython3.so: not found",
    });
  });

  it("when it never comes back", async () => {
    await using machine = await makeFakeMachine();
    const python = await machine.addProgram("python3", "sleep 600");
    expect(await ask(python, [], 200)).toMatchObject({ reason: "it had not answered after 0.2 s" });
  });

  it("when it prints something else and says that all is well", async () => {
    await using machine = await makeFakeMachine();
    const python = await machine.addProgram(
      "python3",
      'echo hello; echo \'trainyard-probe {"kind":\'; echo \'trainyard-probe {"kind":"interpreter"}\'',
    );
    expect(await ask(python)).toMatchObject({ reason: "it exited without an answer that a Python would give" });
  });

  it("when a signal ends it", async () => {
    await using machine = await makeFakeMachine();
    const python = await machine.addProgram("python3", "kill -ILL $$");
    expect(await ask(python)).toMatchObject({ reason: "it was ended by SIGILL" });
  });

  it("when it cannot be started at all", async () => {
    expect(await ask("/nowhere/python3")).toMatchObject({ reason: expect.stringContaining("it does not start") });
  });
});

it("an import that never comes back costs the time limit, and what came before it counts", async () => {
  await using machine = await makeFakeMachine();
  const python = await machine.addProgram(
    "python3",
    `echo 'trainyard-probe {"kind":"interpreter","executable":"/usr/bin/python3","version":"3.11.2"}'
    echo 'trainyard-probe {"kind":"importing","module":"numpy"}'
    echo 'trainyard-probe {"kind":"module","module":"numpy","version":"9.0"}'
    echo 'trainyard-probe {"kind":"importing","module":"torch"}'
    sleep 600`,
  );
  expect(await ask(python, ["numpy", "torch"], 1_000)).toMatchObject({
    status: "works",
    modules: [
      { status: "imported", module: "numpy", version: "9.0" },
      { status: "failed", module: "torch", reason: "importing it: it had not answered after 1 s" },
    ],
  });
});

it("every Python of the search path is asked, in its order, each interpreter once", async () => {
  await using machine = await makeFakeMachine();
  const real = await machine.addPython("second/python3", { version: "3.12.1" });
  // Like pyenv's: a script that hands over to the interpreter, which then calls itself by its own name.
  await machine.addProgram("first/python3", `exec ${real} "$@"`);
  const broken = await machine.addProgram("third/python3", "exit 1");
  const reports = await probePythons(
    { run: runCommand, searchPath: machine.searchPath, wellKnown: [broken], timeLimitMs: 10_000 },
    never,
  );
  expect(reports).toEqual([
    { status: "works", interpreter: real, version: "3.12.1", inVirtualEnvironment: false, modules: [] },
    { status: "broken", interpreter: broken, reason: "it exited with 1" },
  ]);
});

it("at most two are asked at once", async () => {
  await using machine = await makeFakeMachine();
  const pythons = await Promise.all([1, 2, 3, 4, 5].map((n) => machine.addPython(`p${n}/python3`)));
  let atWork = 0;
  let most = 0;
  const run: CommandRunner = async (command, signal) => {
    atWork += 1;
    most = Math.max(most, atWork);
    const ending = await runCommand(command, signal);
    atWork -= 1;
    return ending;
  };
  const options = { run, searchPath: "", wellKnown: pythons, timeLimitMs: 10_000 };
  expect(await probePythons(options, never)).toHaveLength(5);
  expect(most).toBe(2);
});

describe.runIf(isAvailable("python-frameworks"))("with a real Python", () => {
  const system = "/usr/bin/python3";

  /** A virtual environment with modules of our making. */
  async function makeVenv(modules: Readonly<Record<string, string>>) {
    const machine = await makeFakeMachine();
    const venv = join(machine.root, "venv");
    spawnSync(system, ["-m", "venv", "--without-pip", venv]);
    const [version] = await readdir(join(venv, "lib"));
    for (const [name, source] of Object.entries(modules)) {
      const folder = join(venv, "lib", version as string, "site-packages", name);
      await mkdir(folder);
      await writeFile(join(folder, "__init__.py"), source);
    }
    return {
      interpreter: join(venv, "bin/python3"),
      [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose](),
    };
  }

  it("names the versions of what it really imports, and nothing that is not installed", async () => {
    expect(await ask(system, ["numpy", "sklearn", "torch", "no_such_module"], 30_000)).toEqual({
      status: "works",
      interpreter: system,
      version: expect.stringMatching(/^3\.\d+\.\d+$/),
      inVirtualEnvironment: false,
      modules: [
        { status: "imported", module: "numpy", version: expect.stringMatching(/^\d+\.\d+/) },
        { status: "imported", module: "sklearn", version: expect.stringMatching(/^\d+\.\d+/) },
        { status: "imported", module: "torch", version: expect.stringMatching(/^\d+\.\d+/) },
      ],
    });
  });

  it("a virtual environment is itself and not the Python it was made from", async () => {
    await using venv = await makeVenv({ torch: "__version__ = '9.1'" });
    expect(await ask(venv.interpreter, ["torch"])).toMatchObject({
      interpreter: venv.interpreter,
      inVirtualEnvironment: true,
      modules: [{ status: "imported", module: "torch", version: "9.1" }],
    });
  });

  it("a module that fails to import is reported, and the next one is still tried", async () => {
    await using venv = await makeVenv({
      numpy: "raise ImportError('libblas.so.3: cannot open\\nmore')",
      sklearn: "import sys; sys.exit(3)",
      torch: "print('Welcome to torch!', end=''); __version__ = '9.1'",
      jax: "",
    });
    expect(await ask(venv.interpreter, ["numpy", "sklearn", "jax", "torch"])).toMatchObject({
      modules: [
        { status: "failed", module: "numpy", reason: "ImportError: libblas.so.3: cannot open" },
        { status: "failed", module: "sklearn", reason: "SystemExit: 3" },
        { status: "failed", module: "jax", reason: "the module has no __version__" },
        { status: "imported", module: "torch", version: "9.1" },
      ],
    });
  });

  it("an import that ends the interpreter is named, and what came before it counts", async () => {
    await using venv = await makeVenv({
      numpy: "__version__ = '9.0'",
      tensorflow: "import os, signal; os.kill(os.getpid(), signal.SIGILL)",
    });
    expect(await ask(venv.interpreter, ["numpy", "tensorflow"])).toMatchObject({
      status: "works",
      modules: [
        { status: "imported", module: "numpy", version: "9.0" },
        { status: "failed", module: "tensorflow", reason: "importing it: it was ended by SIGILL" },
      ],
    });
  });

  it("neither the server's home nor its variables are seen", async () => {
    await using venv = await makeVenv({
      torch: "import os; __version__ = '%s %s' % ('TRAINYARD_PROBE_SECRET' in os.environ, os.listdir('.'))",
    });
    process.env["TRAINYARD_PROBE_SECRET"] = "1";
    try {
      expect(await ask(venv.interpreter, ["torch"])).toMatchObject({ modules: [{ version: "False []" }] });
    } finally {
      delete process.env["TRAINYARD_PROBE_SECRET"];
    }
  });
});
