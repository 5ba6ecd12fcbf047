import { STATUS_CODES } from "node:http";
import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from "fastify";
import { z } from "zod";
import type { Principal } from "../access/authenticate.ts";
import { announce } from "../base/world.ts";
import { Problem } from "../contract/problem.ts";
import { routes, type RouteContract, type RouteName } from "../contract/routes.ts";
import type { Authenticate, AuthenticateProgram } from "./services.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Null until the token was checked, and on routes that need none. */
    principal: Principal | null;
  }
}

type Contract<N extends RouteName> = (typeof routes)[N];

/** What the schema under `Key` makes of the request; undefined where the route has none. */
type Parsed<C, Key extends string> =
  C extends Record<Key, infer Schema extends z.ZodType> ? z.output<Schema> : undefined;

/** A checked request. `request` and `reply` are for streams and for headers of refusals, nothing else. */
interface Call<C extends RouteContract> {
  readonly params: Parsed<C, "params">;
  readonly query: Parsed<C, "query">;
  readonly headers: Parsed<C, "headers">;
  readonly body: Parsed<C, "json">;
  readonly principal: C["access"] extends "token" ? Principal : null;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** Refusals are thrown as `ServiceError`; a handler only answers what went well. */
type SuccessStatus = 200 | 201 | 202 | 204 | 206;

type Answer<C extends RouteContract> = {
  [Status in keyof C["answers"] & SuccessStatus]: {
    readonly status: Status;
    readonly body: C["answers"][Status] extends z.ZodType ? z.output<C["answers"][Status]> : Readable | null;
    readonly headers?: Readonly<Record<string, string | number>>;
  };
}[keyof C["answers"] & SuccessStatus];

type RouteHandler<N extends RouteName> = (call: Call<Contract<N>>) => Promise<Answer<Contract<N>>>;

/** One handler for each route of the contract: a missing one and one too many are type errors. */
export type RouteHandlers = { readonly [N in RouteName]: RouteHandler<N> };

type AnyHandler = (call: Call<RouteContract>) => Promise<{
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string | number>>;
}>;

/** Puts one route of the contract on the server. Method, path, access and every schema come from the table alone. */
export function registerRoute(
  app: FastifyInstance,
  name: RouteName,
  handler: RouteHandlers[RouteName],
  authenticate: Authenticate,
  authenticateProgram: AuthenticateProgram,
): void {
  const contract: RouteContract = routes[name];
  const answer = handler as unknown as AnyHandler;
  app.route({
    method: contract.method,
    url: contract.path.replaceAll(/\{(\w+)\}/g, ":$1"),
    schema: schemaOf(contract),
    // Fastify would read a whole log only to throw it away.
    exposeHeadRoute: contract.answers[200] !== null,
    ...(contract.access === "open"
      ? {}
      : {
          // Before the body is read: nobody without a token makes the server take in a byte.
          onRequest: async (request) => {
            const { authorization } = request.headers;
            if (contract.access === "token") request.principal = await authenticate(authorization);
            else authenticateProgram(authorization, (request.params as { readonly id: string }).id);
          },
        }),
    handler: async (request, reply) => {
      const { status, body, headers } = await answer(callOf(request, reply));
      // Whoever reads the answer relies on what it says: a step like the others.
      if (contract.method !== "GET") announce("answer", `${status} to ${contract.method} ${request.url}`);
      reply.code(status);
      if (headers !== undefined) reply.headers(headers);
      return reply.send(body ?? undefined);
    },
  });
}

function callOf(request: FastifyRequest, reply: FastifyReply): Call<RouteContract> {
  // The validator put the parsed values in the places of the raw ones.
  return {
    params: request.params,
    query: request.query,
    headers: request.headers,
    body: request.body,
    principal: request.principal,
    request,
    reply,
  } as unknown as Call<RouteContract>;
}

function schemaOf(contract: RouteContract): FastifySchema {
  return {
    operationId: contract.operationId,
    summary: contract.summary,
    ...(contract.description === undefined ? {} : { description: contract.description }),
    ...(contract.access === "open" ? {} : { security: [{ token: [] }] }),
    ...(contract.params === undefined ? {} : { params: contract.params }),
    // An unknown parameter is a typing mistake that must not go unnoticed.
    ...(contract.access === "open" ? {} : { querystring: (contract.query ?? z.object({})).strict() }),
    ...(contract.headers === undefined ? {} : { headers: contract.headers }),
    ...(contract.json === undefined ? {} : { body: contract.json }),
    response: responsesOf(contract),
  };
}

/** What every route with a token may also answer. */
const ALWAYS = { 400: Problem, 401: Problem, 500: Problem, 503: Problem } as const;

function responsesOf(contract: RouteContract): Record<string, unknown> {
  const answers = contract.access === "open" ? contract.answers : { ...ALWAYS, ...contract.answers };
  const responses: Record<string, unknown> = {};
  for (const [status, schema] of Object.entries(answers)) {
    if (schema === null) continue;
    const mediaType = schema === Problem ? "application/problem+json" : "application/json";
    responses[status] = { description: STATUS_CODES[status], content: { [mediaType]: { schema } } };
  }
  return responses;
}
