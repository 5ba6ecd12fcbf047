import { wrongUse } from "../cli-error.ts";
import { didYouMean } from "../did-you-mean.ts";
import { elsewhere } from "./bx-elsewhere.ts";

/** The words of a noun in the client's sentences: the page of 2017 says trained models, 2018 says training runs. */
export interface Noun {
  readonly plural: "trained-models" | "training-runs";
  /** In "Fetching the list of … ..." */
  readonly listed: string;
  /** In "Fetching the … details with MODEL-ID" */
  readonly shown: string;
  /** In "Deleting the … 'ID' ..." */
  readonly one: string;
  /** 2018 tells more: the framework in lists, command and buckets when one run is shown. */
  readonly tellsMore: boolean;
}

const NOUNS: Readonly<Record<string, Noun>> = {
  "trained-models": {
    plural: "trained-models",
    listed: "trained models",
    shown: "trained model",
    one: "trained model",
    tellsMore: false,
  },
  "training-runs": {
    plural: "training-runs",
    listed: "training runs",
    shown: "training runs",
    one: "training run",
    tellsMore: true,
  },
};

/** The run noun that a word is. `others` are words that the command also knows and answers by itself. */
export function nounOf(word: string | undefined, command: string, others: readonly string[] = []): Noun {
  const known = [...Object.keys(NOUNS), ...others];
  if (word === undefined) {
    throw wrongUse(`'bx ml ${command}' needs to be told of what.`, `Write: bx ml ${command} ${orList(known)}`);
  }
  const noun = Object.hasOwn(NOUNS, word) ? NOUNS[word] : undefined;
  if (noun !== undefined) return noun;
  throw elsewhere(`${command} ${word}`, word) ?? unknownNoun(word, command, known);
}

export function unknownNoun(word: string, command: string, known: readonly string[]): Error {
  const sentence = `'${word}' is nothing that 'bx ml ${command}' knows${didYouMean(word, known)}.`;
  return wrongUse(sentence, `It knows ${orList(known)}.`);
}

/** `a, b or c` */
export function orList(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
