import { documentUri } from '#core/document-set.ts';
import { SchemaDocuments } from '#core/json-schema/schema-documents.ts';
import { dialectOf } from '#core/json-schema/schema-dialect.ts';
import { OperationCompiler, type Operation } from '#core/openapi/compile-operation.ts';
import { OperationPaths } from '#core/openapi/operation-paths.ts';
import { readApi, type Api, type ApiOperation } from '#core/openapi/read-api.ts';
import type { ValidateSettings } from './schema.ts';

/** What is asked for, where that is described. */
export interface FoundOperation {
  readonly operation: Operation;
  /** Of the path's parameters, as they stand there. */
  readonly values: ReadonlyMap<string, string>;
}

export interface Described {
  /** For the summary. */
  readonly title: string;
  /** Else the methods that the path takes. */
  find(method: string, path: string): FoundOperation | { readonly allowed: readonly string[] };
}

/** @throws SchemaProblem */
export function describedBy(settings: ValidateSettings): Described {
  return settings.openapi === undefined ? bySchemas(settings) : byDocument(settings.openapi, settings);
}

/** @throws SchemaProblem */
function byDocument(file: string, { documents, basePath, formats }: ValidateSettings): Described {
  const api = readApi(documents!);
  const compiler = new OperationCompiler(api, { formats });
  const paths = new OperationPaths<Operation>();
  for (const each of api.operations) paths.add(each.template, each.method, compiler.compile(each));
  const bases = basePath === undefined ? api.basePaths : [basePath];
  return {
    title: `${file} (${api.operations.length} operations)`,
    find(method, path) {
      const allowed = new Set<string>();
      for (const base of bases) {
        if (!`${path}/`.startsWith(`${base}/`)) continue;
        const found = paths.find(method, path.slice(base.length) || '/');
        if ('operation' in found) return found;
        for (const each of found.allowed) allowed.add(each);
      }
      return { allowed: [...allowed] };
    },
  };
}

/** One operation, whatever the method. @throws SchemaProblem */
function bySchemas(settings: ValidateSettings): Described {
  const { request = {}, response = {}, dialect = '2020-12', formats } = settings;
  const documents = new SchemaDocuments();
  for (const [path, document] of Object.entries(settings.documents?.documents ?? {}))
    documents.add(documentUri(path), document, 'schema', dialect);
  /** Each by itself: "#" is the schema's own top. */
  const own = (name: string, schema: unknown) => {
    documents.add(`doc:///${name}`, schema, 'schema', dialectOf(schema, dialect));
    return schema;
  };
  const parameters = (['path', 'query', 'headers', 'cookies'] as const).flatMap((place) =>
    Object.entries(request[place]?.properties ?? {}).map(([name, schema]) => ({
      name,
      in: { path: 'path', query: 'query', headers: 'header', cookies: 'cookie' }[place],
      required: request[place]?.required?.includes(name) ?? false,
      schema: own(`.${place}/${encodeURIComponent(name)}`, schema),
    })),
  );
  const { contentTypes = ['application/json', 'application/*'], body, bodyRequired = true } = request;
  const media = body === undefined ? {} : { schema: own('.body', body) };
  const content = Object.fromEntries(contentTypes.map((type) => [type, media]));
  const responses = Object.entries(response).map(([status, schema]) => [
    status,
    { content: { 'application/json': { schema: own(`.response/${status}`, schema) }, '*/*': {} } },
  ]);
  const only: ApiOperation = {
    ...{ template: '/', method: '*', id: '', parameters, place: [] },
    operation: {
      ...(body === undefined && request.contentTypes === undefined
        ? {}
        : { requestBody: { required: body !== undefined && bodyRequired, content } }),
      responses: Object.fromEntries(responses) as object,
    },
  };
  const api: Api = {
    dialect,
    root: {},
    documents,
    operations: [only],
    basePaths: [''],
    behind: (part) => part,
  };
  const operation = new OperationCompiler(api, { formats }).compile(only);
  return { title: 'schemas', find: findOnly(operation, request.template) };
}

function findOnly(operation: Operation, template: string | undefined): Described['find'] {
  if (template === undefined) {
    const found = { operation, values: new Map<string, string>() };
    return () => found;
  }
  const paths = new OperationPaths<Operation>();
  paths.add(template, '*', operation);
  return (_, path) => paths.find('*', path);
}
