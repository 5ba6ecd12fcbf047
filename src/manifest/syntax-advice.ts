import type { ErrorCode } from "yaml";

interface Advice {
  readonly message: string;
  readonly hint: string;
}

const UNCLOSED: Advice = {
  message: "A bracket is opened before this place and not closed: a [ without its ], or a { without its }.",
  hint: "Close it where its value ends, or put text that begins with a bracket into quotes.",
};

/** Our sentence for an error of the YAML parser. It finds that a bracket is missing under several codes. */
export function syntaxAdvice({ code, message }: { readonly code: ErrorCode; readonly message: string }): Advice {
  return /^Flow (?:map|sequence) .*end with a [\]}]/.test(message) ? UNCLOSED : SYNTAX_ADVICE[code];
}

/**
 * Our sentence for each error of the YAML parser. Its own messages quote the source, and the source may be a
 * password; these never do.
 */
export const SYNTAX_ADVICE: Readonly<Record<ErrorCode, Advice>> = {
  ALIAS_PROPS: { message: "An alias carries an anchor or a tag.", hint: "Write the value out." },
  BAD_ALIAS: { message: "An anchor or alias is not well formed.", hint: "Quote a value that begins with * or &." },
  BAD_COLLECTION_TYPE: { message: "A tag does not fit the map or list it stands at.", hint: "Remove the tag." },
  BAD_DIRECTIVE: { message: "A line that begins with % is not well formed.", hint: "Remove the line." },
  BAD_DQ_ESCAPE: {
    message: "A double-quoted value holds a backslash escape that YAML does not know.",
    hint: "Write \\\\ for one backslash, or use single quotes.",
  },
  BAD_INDENT: {
    message: "The indentation does not fit the lines around it.",
    hint: "Indent keys of one map by the same number of blanks, and what belongs to a key by more than the key.",
  },
  BAD_PROP_ORDER: { message: "A tag or anchor stands in the wrong place.", hint: "Remove it." },
  BAD_SCALAR_START: {
    message: "A value begins with a character that YAML keeps for itself.",
    hint: "Put the value in single quotes.",
  },
  BLOCK_AS_IMPLICIT_KEY: {
    message: "A value holds a second ': ' on its line, or a map begins where a value is expected.",
    hint: "Put a value with ': ' in quotes; put the keys of a map on lines of their own, indented.",
  },
  BLOCK_IN_FLOW: {
    message: "A block of indented lines stands inside { } or [ ].",
    hint: "Write the whole value with braces, or none of it.",
  },
  DUPLICATE_KEY: { message: "A key stands twice in one map.", hint: "Keep one of the two." },
  IMPOSSIBLE: { message: "This cannot be read as YAML.", hint: "Check indentation and quotes near this place." },
  KEY_OVER_1024_CHARS: { message: "A key is longer than 1024 characters.", hint: "A quote may be missing before it." },
  MISSING_CHAR: {
    message: "Something is missing here: a ':' and a blank after a key, a comma, a bracket or a closing quote.",
    hint: "Write 'key: value' with a blank after the colon, and close what was opened.",
  },
  MULTILINE_IMPLICIT_KEY: {
    message: "A key runs over several lines, or a line without a ':' follows a key.",
    hint: "Write 'key: value' with a blank after the colon, and indent the further lines of a value.",
  },
  MULTIPLE_ANCHORS: { message: "A value has two anchors.", hint: "Remove them." },
  MULTIPLE_DOCS: { message: "The file holds more than one document.", hint: "Give one manifest per file." },
  MULTIPLE_TAGS: { message: "A value has two tags.", hint: "Remove them." },
  NON_STRING_KEY: { message: "A key is not text.", hint: "Write 'key: value'." },
  RESOURCE_EXHAUSTION: { message: "The nesting is too deep.", hint: "A manifest needs fewer than ten levels." },
  TAB_AS_INDENT: { message: "A tab is used for indentation, which YAML forbids.", hint: "Indent with blanks." },
  TAG_RESOLVE_FAILED: { message: "A tag cannot be applied.", hint: "Remove the tag." },
  UNEXPECTED_TOKEN: {
    message: "Something stands where YAML does not expect it.",
    hint: "Check indentation, quotes and brackets here and on the line before; put text with special characters in quotes.",
  },
};
