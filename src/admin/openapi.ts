import type { FastifyInstance, RouteOptions } from 'fastify';
import { Type, type TSchema } from 'typebox';
import { csrfHeader, sessionCookieName } from './session-cookie.ts';
import { Anything } from './shapes.ts';

declare module 'fastify' {
  interface FastifySchema {
    /** One line for the OpenAPI document. */
    readonly summary?: string;
    /** Of what is answered; absent: nothing is (204). */
    readonly answer?: TSchema;
    /** Of an answer that is no JSON. */
    readonly answerType?: string;
    /** Of a body that is no JSON. */
    readonly bodyType?: string;
    /** Of success, where it is not 200, or 204 without an answer. */
    readonly status?: number;
  }
}

interface Schema {
  readonly summary?: string;
  readonly body?: object;
  readonly bodyType?: string;
  readonly querystring?: ParameterSchema;
  readonly params?: ParameterSchema;
  readonly headers?: ParameterSchema;
  readonly answer?: object;
  readonly answerType?: string;
  readonly status?: number;
}

interface ParameterSchema {
  readonly properties: Readonly<Record<string, object>>;
  readonly required?: readonly string[];
}

const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
});

/** Serves an OpenAPI document made from the schemas by which requests are judged. Call before any other route. */
export function serveOpenApi(app: FastifyInstance): void {
  const paths: Record<string, Record<string, unknown>> = {};
  app.addHook('onRoute', (route) => {
    if (route.config?.page) return;
    for (const method of [route.method].flat()) {
      if (method === 'HEAD') continue;
      const path = route.url.replace(/:(\w+)/g, '{$1}');
      (paths[path] ??= {})[method.toLowerCase()] = operationOf(method, route);
    }
  });
  const document = {
    openapi: '3.1.0',
    info: {
      title: 'Sluice admin API',
      version: '1',
      description: 'What each operation needs is its x-permission; docs/roles.md says which roles give it.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'The admin token, or a personal one.' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: sessionCookieName,
          description: `Of a browser that has signed in; what changes something needs the header ${csrfHeader}, too.`,
        },
        edge: { type: 'http', scheme: 'bearer', description: 'The token of an edge node.' },
      },
      schemas: { Problem },
    },
    paths,
  };
  const schema = { summary: 'This document', answer: Anything };
  app.get('/openapi.json', { config: { open: true }, schema }, () => document);
}

function operationOf(method: string, route: RouteOptions): unknown {
  const { permission, open, edge } = route.config ?? {};
  const schema = (route.schema ?? {}) as Schema;
  const parameters = [
    ...parametersOf('path', schema.params),
    ...parametersOf('query', schema.querystring),
    ...parametersOf('header', schema.headers),
  ];
  const bodyType = schema.bodyType ?? 'application/json';
  const body = schema.body ?? (schema.bodyType ? {} : null);
  return {
    operationId: operationIdOf(method, route.url),
    summary: schema.summary,
    'x-permission': permission ?? null,
    security: open ? [] : edge ? [{ edge: [] }] : [{ token: [] }, { session: [] }],
    ...(parameters.length ? { parameters } : {}),
    ...(body ? { requestBody: { required: true, content: { [bodyType]: { schema: body } } } } : {}),
    responses: { ...successOf(schema), default: problem },
  };
}

/** `getV1KeysId` */
const operationIdOf = (method: string, url: string): string =>
  [method.toLowerCase(), ...url.match(/\w+/g)!]
    .map((word, i) => (i === 0 ? word : word[0]!.toUpperCase() + word.slice(1)))
    .join('');

const problem = {
  description: 'A problem document (RFC 9457)',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};

function successOf({ answer, answerType, status }: Schema): Record<string, unknown> {
  if (!answer && !answerType) return { [status ?? 204]: { description: 'Done' } };
  const content = { [answerType ?? 'application/json']: { schema: answer ?? { type: 'string' } } };
  return { [status ?? 200]: { description: 'Done', content } };
}

function parametersOf(place: 'path' | 'query' | 'header', schema: ParameterSchema | undefined): unknown[] {
  return Object.entries(schema?.properties ?? {}).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || (schema?.required?.includes(name) ?? false),
    schema: property,
  }));
}
