/**
 * What a manifest may hold at most; checked while it is read, before anything is built from it. The page's own
 * examples have 1,300 bytes and under 250 lexemes. Size and lexemes are what the time to refuse a hostile file grows with:
 * these keep it under 50 ms and 32 MB.
 */
export const MANIFEST_LIMITS = {
  sizeBytes: 256_000,
  /** Maps and lists inside each other. */
  depth: 64,
  /** Everything the lexer tells apart: values, indicators, blanks, line ends. A pair on a line of its own has about 7. */
  lexemes: 5_000,
  /** Errors of the parser after which the rest of the file is left unread. */
  syntaxErrors: 20,
  /** UTF-16 units of one value or comment, quotes included. */
  scalarLength: 65_536,
  /** Problems and warnings told at once, each. */
  findings: 100,
  nameLength: 255,
  descriptionLength: 10_000,
  frameworkLength: 100,
  bucketBytes: 255,
  endpointLength: 2_048,
  /** A name, id, region or secret inside a connection. */
  credentialLength: 4_096,
  rootLength: 4_096,
  /** A path inside of the model definition. */
  pathLength: 1_024,
  /** A key of an object, which S3 allows 1,024 bytes, or a glob over keys. */
  keyLength: 1_024,
  globs: 100,
  learners: 1_000,
  /** For each learner. */
  devices: 1_000,
  /** For each learner. */
  cpus: 10_000,
  /** FfDL looked four lines ahead; a match that spans thousands is a mistake. */
  lineLookahead: 1_000,
} as const;
