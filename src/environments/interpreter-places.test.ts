import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { makeFakeMachine } from "../../test/fixtures/fake-machine.ts";
import { findPrograms } from "./interpreter-places.ts";

it("finds programs in the order of the search path, then the well-known ones", async () => {
  await using machine = await makeFakeMachine();
  const known = await machine.addProgram("known/python3", "");
  const second = await machine.addProgram("second/python3", "");
  const first = await machine.addProgram("first/python3", "");
  expect(await findPrograms("python3", machine.searchPath, [known])).toEqual([first, second, known]);
});

it("gives a program once, by the name that comes first, however many links lead to it", async () => {
  await using machine = await makeFakeMachine();
  const real = await machine.addProgram("known/python3.11", "");
  await mkdir(join(machine.root, "first"));
  await symlink(real, join(machine.root, "first/python3"));
  expect(await findPrograms("python3", machine.searchPath, [real])).toEqual([join(machine.root, "first/python3")]);
});

it("a virtual environment is an interpreter of its own although its python3 is a link", async () => {
  await using machine = await makeFakeMachine();
  const system = await machine.addProgram("second/python3", "");
  await mkdir(join(machine.root, "venv/bin"), { recursive: true });
  await writeFile(join(machine.root, "venv/pyvenv.cfg"), "home = /usr/bin\n");
  const venv = join(machine.root, "venv/bin/python3");
  await symlink(system, venv);
  expect(await findPrograms("python3", `${join(machine.root, "venv/bin")}:${machine.searchPath}`)).toEqual([
    venv,
    system,
  ]);
});

it("passes over folders, dangling links, files that cannot be executed, and relative places", async () => {
  await using machine = await makeFakeMachine();
  await mkdir(join(machine.root, "first/python3"), { recursive: true });
  await mkdir(join(machine.root, "second"));
  await symlink("/nowhere/at/all", join(machine.root, "second/python3"));
  await writeFile(join(machine.root, "plain"), "");
  expect(await findPrograms("python3", `.:bin:${machine.searchPath}`, [join(machine.root, "plain")])).toEqual([]);
});
