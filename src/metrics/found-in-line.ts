import { readJsonLine } from "./json-line.ts";

/** Numbers that a line of a log gives away, by the names that stand before them. */
export interface FoundInLine {
  /** All positions: `epoch`, `iter`, ... */
  readonly positions: Readonly<Record<string, number>>;
  readonly values: Readonly<Record<string, number>>;
}

/** A line with more names than this is a table or a dump of parameters. */
const MAX_PAIRS = 50;

/** Words after which a number is a position in the training. */
const POSITION_WORDS = "epochs?|iter(?:ation)?s?|(?:global[_ ])?steps?|batch(?:es)?|rounds?|episodes?|updates?";
const POSITION = new RegExp(`(?<![\\w-])(${POSITION_WORDS})\\s*[:=#]?\\s*\\[?\\s*(\\d+)(?![\\d.]*[\\w%])`, "giu");
const POSITION_NAME = new RegExp(`(?:^|[ _])(?:${POSITION_WORDS})$`, "iu");
/** `solver.cpp:228] ` */
const SOURCE_FILE = /\.(?:c|cc|cpp|cu|h|java|js|lua|py|ts)$/iu;

/** Words that make a name a metric's, so that `name: number` and `name number` are believed too. */
const METRIC_WORD =
  /(?:^|[\s_./-])(?:loss|acc(?:uracy)?|err(?:or)?|auc|f1|precision|recall|perplexity|ppl|reward|return|score|bleu|mse|mae|rmse|r2|iou|dice|m?ap|psnr|ssim|entropy|kl|lr|learning[_ ]rate|grad(?:ient)?[_ ]norm|elbo|cost|top[-_ ]?[15])(?:$|[\s_./@-])/iu;

const NUMBER = "[-+]?(?:\\d+\\.?\\d*|\\.\\d+)(?:[eE][-+]?\\d+)?|[-+]?nan|[-+]?inf(?:inity)?";
/** Up to four words of at most 40 letters before `=` or `:`, as in `Minibatch Loss= 0.79`. Each part is bounded, so the time is linear. */
const PAIR = new RegExp(
  `(?<![\\w.])((?:[A-Za-z][\\w./@-]{0,40})(?: [A-Za-z][\\w./@-]{0,40}){0,3}) {0,2}([=:]) {0,6}(${NUMBER})(%?)(?![\\w.:/]|,\\d{3}\\b)`,
  "giu",
);
/** `train loss 0.35`, where the words alone must do. */
const BARE_PAIR = new RegExp(
  `(?<![\\w.])((?:[A-Za-z][\\w./@-]{0,40} ){0,2}?[A-Za-z][\\w./@-]{0,40}) (${NUMBER})(%?)(?![\\w.:/])`,
  "giu",
);
/** `Namespace(lr=0.1, …)`, `Adam(lr=…)`: parameters, not measurements. */
const CONSTRUCTOR = /(?<![\w.])[A-Za-z_]\w{0,60}\([^()]{0,4000}\)/gu;

/** Null when the line says nothing; a line such as `Epoch 3/10` has a position and no values. Never throws; its time is linear in the line's length, which the caller bounds. */
export function findInLine(line: string): FoundInLine | null {
  if (!/[0-9]|nan|inf/iu.test(line)) return null;
  const json = readJsonLine(line);
  if (json !== null) return splitPositions(json);
  const text = line.includes("(") ? line.replace(CONSTRUCTOR, " ") : line;
  const positions: Record<string, number> = {};
  for (const [, word = "", number = ""] of text.matchAll(POSITION)) positions[word.toLowerCase()] ??= Number(number);
  const hasPosition = Object.keys(positions).length > 0;
  const values = { ...bareValues(text), ...pairedValues(text, hasPosition) };
  const count = Object.keys(values).length;
  if ((count === 0 && !hasPosition) || count > MAX_PAIRS) return null;
  return { positions, values };
}

function pairedValues(text: string, hasPosition: boolean): Record<string, number> {
  const values: Record<string, number> = {};
  for (const [, words = "", sign, number = "", percent] of text.matchAll(PAIR)) {
    const name = withoutPosition(words);
    if (name === "" || POSITION_NAME.test(name) || SOURCE_FILE.test(name)) continue;
    // `port: 8080` and `took: 3` are everywhere; an equals sign, or a position in the line, makes a name believable.
    if (sign === ":" && !hasPosition && !METRIC_WORD.test(name)) continue;
    values[name] = numberOf(number, percent);
  }
  return values;
}

function bareValues(text: string): Record<string, number> {
  const values: Record<string, number> = {};
  for (const [, words = "", number = "", percent] of text.matchAll(BARE_PAIR)) {
    const name = withoutPosition(words);
    if (METRIC_WORD.test(name) && !POSITION_NAME.test(name)) values[name] = numberOf(number, percent);
  }
  return values;
}

/** `step 10 loss` was cut at the number; what is left of a position's word before a name goes. */
function withoutPosition(words: string): string {
  return words.replace(new RegExp(`^(?:${POSITION_WORDS}) `, "iu"), "").trim();
}

function numberOf(text: string, percent = ""): number {
  const word = /^([-+]?)(nan|inf)/iu.exec(text);
  if (word === null) return percent === "%" ? Number(text) / 100 : Number(text);
  if (word[2]?.toLowerCase() === "nan") return NaN;
  return word[1] === "-" ? -Infinity : Infinity;
}

/** Of a JSON line: what is named like a position is one. */
function splitPositions(numbers: Readonly<Record<string, number>>): FoundInLine | null {
  const entries = Object.entries(numbers);
  const positions = Object.fromEntries(entries.filter(([name]) => POSITION_NAME.test(name)));
  const values = Object.fromEntries(entries.filter(([name]) => !POSITION_NAME.test(name)));
  if (entries.length === 0 || entries.length > MAX_PAIRS) return null;
  return { positions, values };
}
