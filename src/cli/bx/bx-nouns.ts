import { nearest } from "../../base/nearest.ts";
import { wrongUse } from "../cli-error.ts";

/** The words of a noun in the client's sentences: the page of 2017 says trained models, 2018 says training runs. */
export interface Noun {
  readonly plural: "trained-models" | "training-runs";
  /** In "Fetching the list of … ..." */
  readonly listed: string;
  /** In "Fetching the … details with MODEL-ID" */
  readonly shown: string;
  /** In "Deleting the … 'ID' ..." */
  readonly one: string;
  /** The list of 2018 tells the framework too. */
  readonly hasFrameworkColumns: boolean;
}

const NOUNS: Readonly<Record<string, Noun>> = {
  "trained-models": {
    plural: "trained-models",
    listed: "trained models",
    shown: "trained model",
    one: "trained model",
    hasFrameworkColumns: false,
  },
  "training-runs": {
    plural: "training-runs",
    listed: "training runs",
    shown: "training runs",
    one: "training run",
    hasFrameworkColumns: true,
  },
};

/** What the client of that time also knew and Trainyard does not serve. */
const ELSEWHERE = ["models", "deployments", "frameworks", "training-definitions", "experiments"];

export function nounOf(word: string | undefined, command: string): Noun {
  const known = Object.keys(NOUNS).join(" or ");
  if (word === undefined)
    throw wrongUse(`'bx ml ${command}' needs to be told of what.`, `Write: bx ml ${command} ${known}`);
  const noun = Object.hasOwn(NOUNS, word) ? NOUNS[word] : undefined;
  if (noun !== undefined) return noun;
  if (ELSEWHERE.includes(word)) {
    throw wrongUse(`'bx ml ${command} ${word}' is not answered by this server.`, `It knows ${known}.`);
  }
  const meant = nearest(word, [...Object.keys(NOUNS), ...ELSEWHERE]);
  const question = meant === undefined ? "" : ` (did you mean '${meant}'?)`;
  throw wrongUse(`'${word}' is nothing that 'bx ml ${command}' knows${question}.`, `It knows ${known}.`);
}
