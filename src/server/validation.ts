import type { FastifySchemaCompiler } from "fastify";
import { z } from "zod";
import { nearest } from "../base/nearest.ts";
import { requestInvalid, type ServiceError } from "../domain/errors.ts";

/** What each part of a request is called in a sentence. */
const PARTS: Record<string, string> = {
  params: "path parameter",
  querystring: "query parameter",
  headers: "header",
  body: "field",
};

/** Checks one part of a request with its zod schema; a refusal names the field, its value and what is wrong with it. */
export const compileValidator: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  return (data: unknown) => {
    // Fastify says null where there is no body; a schema's default wants undefined.
    const result = schema.safeParse(data ?? undefined);
    return result.success ? { value: result.data } : { error: refusal(result.error, httpPart ?? "body", data, schema) };
  };
};

function refusal(error: z.ZodError, part: string, data: unknown, schema: z.ZodType): ServiceError {
  const problems = error.issues.map((issue) => describeIssue(issue, part, data, schema));
  const first = problems[0] ?? { message: "The request is not valid.", hint: "" };
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return requestInvalid(first.message + more, first.hint, problems);
}

interface FieldProblem {
  readonly in: string;
  readonly name: string;
  readonly message: string;
  readonly hint: string;
}

function describeIssue(issue: z.core.$ZodIssue, part: string, data: unknown, schema: z.ZodType): FieldProblem {
  const word = PARTS[part] ?? "field";
  if (issue.code === "unrecognized_keys") return describeUnknown(issue.keys[0] ?? "", word, part, schema);
  // A query parameter has no parts for people, even where it is read into a list.
  const name = (part === "body" ? issue.path : issue.path.slice(0, 1)).join(".");
  const subject = name === "" ? "The request's body" : `The ${word} '${name}'`;
  return {
    in: part,
    name,
    message: `${subject}${shownValue(issue.path, part, data)} is not valid: ${reason(issue)}.`,
    hint: "openapi.json describes every route with its parameters.",
  };
}

function describeUnknown(key: string, word: string, part: string, schema: z.ZodType): FieldProblem {
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  const meant = nearest(key, known);
  const hint =
    meant !== undefined
      ? `Did you mean '${meant}'?`
      : known.length === 0
        ? `Leave it out; this route has no ${word}s.`
        : `There are: ${known.join(", ")}.`;
  return { in: part, name: shorten(key), message: `There is no ${word} '${shorten(key)}'.`, hint };
}

/** Only path and query values are shown; headers and bodies may hold what nobody should read in a log. */
function shownValue(path: readonly PropertyKey[], part: string, data: unknown): string {
  if (part !== "querystring" && part !== "params") return "";
  const [key] = path;
  const value = typeof key === "string" ? (data as Record<string, unknown>)[key] : undefined;
  return typeof value === "string" ? ` with the value '${shorten(value)}'` : "";
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** Without zod's "Invalid input:", which the sentence around it says already. */
function reason(issue: z.core.$ZodIssue): string {
  const text = issue.message.replace(/^Invalid (?:input|option): /, "");
  return text.charAt(0).toLowerCase() + text.slice(1);
}
