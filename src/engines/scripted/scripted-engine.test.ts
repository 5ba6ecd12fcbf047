import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { newRunId } from "../../domain/run-id.ts";
import { type Behaviour, describeEngine, type EngineSetup } from "../conformance.ts";
import { EngineError } from "../engine-error.ts";
import type { LearnerTask } from "../engine.ts";
import { type Script, ScriptedWorld } from "./scripted-engine.ts";

async function scriptedSetup(): Promise<EngineSetup> {
  const root = await mkdtemp(join(tmpdir(), "trainyard-scripted-"));
  const scripts = new Map<string, Script>();
  const world = new ScriptedWorld(systemClock, (task) => {
    const script = scripts.get(task.runId);
    if (script === undefined) throw new Error(`No script for ${task.runId}.`);
    return script;
  });
  return {
    connect: () => world.connect(),
    task: async (behaviour) => {
      const task = scriptedTask(await mkdtemp(join(root, "learner-")));
      scripts.set(task.runId, scriptFor(behaviour));
      return task;
    },
    executions: async (task) => world.executions.filter(({ runId }) => runId === task.runId).length,
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

function scriptedTask(directory: string): LearnerTask {
  const runId = newRunId();
  return { runId, attempt: 1, learner: 1, directory, workingDirectory: directory, command: "", env: {}, banner: "" };
}

function scriptFor(behaviour: Behaviour): Script {
  if (behaviour.kind !== "cannot_start") return behaviour;
  return { kind: "cannot_start", error: new EngineError("It was scripted not to start.", { retryable: false }) };
}

describeEngine("scripted", scriptedSetup);
