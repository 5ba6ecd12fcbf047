/** What the thread that searches is asked: the lines of `text`, for a pattern. */
export interface SearchAsk {
  readonly question: number;
  readonly pattern: string;
  readonly text: string;
}

/** The first place in each line that has one; null when the pattern took too long. */
export interface SearchAnswer {
  readonly question: number;
  readonly found: readonly LineMatch[] | null;
}

export interface LineMatch {
  /** Of the lines of the text, from 0. */
  readonly line: number;
  /** Within the line, in UTF-16 units. */
  readonly index: number;
}
