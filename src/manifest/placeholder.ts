/**
 * The ways in which templates and documentation mark "put yours here": `<username>`, `< YOUR SAVED ACCESS KEY >`,
 * `YOUR_ACCESS_KEY`, `xxx`, `***` (a masked value that was copied back), `${KEY}` (which only the submitting side
 * fills in) and `{{key}}`.
 */
const PLACEHOLDERS = [
  /^<.*>$/s,
  /^\$\{[^}]*\}$/,
  /^\{\{.*\}\}$/s,
  /^x{3,}$/i,
  /^\*{3,}$/,
  /^your[ _-](?:\w+[ _-])*(?:key|id|secret|password|user|username|name|url|endpoint|region|token)$/i,
];

export function isPlaceholder(text: string): boolean {
  if (text.length > 200) return false;
  const trimmed = text.trim();
  return PLACEHOLDERS.some((pattern) => pattern.test(trimmed));
}

/** `${NAME}` and nothing else: the submitting side puts the variable's value there. */
export function isVariable(text: string): boolean {
  return /^\s*\$\{[^}]*\}\s*$/.test(text);
}
