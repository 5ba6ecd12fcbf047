import type { RunView } from "../../contract/run.ts";
import { CliError } from "../cli-error.ts";
import { printable } from "../output/printable.ts";

const SERVING = "Trainyard trains models and does not serve them";
const WHERE =
  "The trained model is in the results bucket, in the folder with the run's id: bx ml show training-runs MODEL-ID";
const LATER = "comes with a later version of Trainyard";
const SUBMIT = "A single training run is submitted with 'bx ml train ZIP MANIFEST'.";

/** Words of the client of that time, commands and nouns alike, that are not answered here, and the reason. */
const ELSEWHERE: Readonly<Record<string, readonly [reason: string, hint: string]>> = {
  deploy: [SERVING, WHERE],
  score: [SERVING, WHERE],
  deployments: [SERVING, WHERE],
  models: [`${SERVING}, so it keeps no repository of models`, WHERE],
  experiments: [`an experiment of several runs ${LATER}`, SUBMIT],
  "experiment-runs": [`an experiment of several runs ${LATER}`, SUBMIT],
  "training-definitions": [`keeping a definition without running it ${LATER}`, SUBMIT],
  libraries: ["Trainyard keeps no libraries", "What a program needs goes into its ZIP."],
  runtimes: ["Trainyard keeps no runtimes", "What can be run here: bx ml list frameworks"],
  set: [
    "there is one instance, the server that is meant",
    "ML_ENV and ML_PASSWORD say which one, and with which token.",
  ],
};

/** The refusal of something that the client knew and Trainyard does not do; undefined where `word` is no such thing. */
export function elsewhere(written: string, word: string): Error | undefined {
  const found = Object.hasOwn(ELSEWHERE, word) ? ELSEWHERE[word] : undefined;
  if (found === undefined) return undefined;
  const [reason, hint] = found;
  return new CliError(1, `'bx ml ${written}' is not answered here: ${reason}.`, hint);
}

/** The answer of `store`: there is nowhere to store a model but where the run has put it already. */
export function noRepository({ id, results, endedAt }: RunView): Error {
  const location = results.location === null ? "" : ` at ${printable(results.location)}`;
  const verb = endedAt === null ? "will be" : "are";
  const place = `bucket '${printable(results.bucket)}'${location}, folder '${printable(results.folder)}'`;
  return new CliError(
    1,
    `${SERVING}, so there is no repository to store one in; the results of run ${id} ${verb} in ${place}.`,
    `By habit the model is under '${printable(results.folder)}/model'; list the files: trainyard results ${id}`,
  );
}
