import type { FastifyInstance, RouteOptions } from 'fastify';

declare module 'fastify' {
  interface FastifySchema {
    /** One line for the OpenAPI document. */
    readonly summary?: string;
  }
}

interface Schema {
  readonly summary?: string;
  readonly body?: object;
  readonly querystring?: ParameterSchema;
  readonly params?: ParameterSchema;
}

interface ParameterSchema {
  readonly properties: Readonly<Record<string, object>>;
  readonly required?: readonly string[];
}

/** Serves an OpenAPI document made from the schemas by which requests are judged. Call before any other route. */
export function serveOpenApi(app: FastifyInstance): void {
  const paths: Record<string, Record<string, unknown>> = {};
  app.addHook('onRoute', (route) => {
    for (const method of [route.method].flat()) {
      if (method === 'HEAD') continue;
      const path = route.url.replace(/:(\w+)/g, '{$1}');
      (paths[path] ??= {})[method.toLowerCase()] = operationOf(route);
    }
  });
  const document = {
    openapi: '3.1.0',
    info: { title: 'Sluice admin API', version: '1' },
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    paths,
  };
  const schema = { summary: 'This document' };
  app.get('/openapi.json', { config: { open: true }, schema }, () => document);
}

function operationOf(route: RouteOptions): unknown {
  const schema = (route.schema ?? {}) as Schema;
  const parameters = [...parametersOf('path', schema.params), ...parametersOf('query', schema.querystring)];
  return {
    summary: schema.summary,
    security: route.config?.open ? [] : [{ token: [] }],
    ...(parameters.length ? { parameters } : {}),
    ...(schema.body
      ? { requestBody: { required: true, content: { 'application/json': { schema: schema.body } } } }
      : {}),
    responses: {
      '2XX': { description: 'Done' },
      default: { description: 'A problem document (RFC 9457)', content: { 'application/problem+json': {} } },
    },
  };
}

function parametersOf(place: 'path' | 'query', schema: ParameterSchema | undefined): unknown[] {
  return Object.entries(schema?.properties ?? {}).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || (schema?.required?.includes(name) ?? false),
    schema: property,
  }));
}
