import type { DocumentSet } from '../document-set.ts';
import { documentUri } from '../document-set.ts';
import { isMembers } from '../json-schema/keywords.ts';
import { SchemaProblem, type SchemaDialect } from '../json-schema/schema-dialect.ts';
import { SchemaDocuments } from '../json-schema/schema-documents.ts';

type Members = Readonly<Record<string, unknown>>;

/** One operation of an API, as it is written. */
export interface ApiOperation {
  /** `/pets/{id}`, below the paths of the API's servers. */
  readonly template: string;
  /** In upper case. */
  readonly method: string;
  /** Its operationId; else `GET /pets/{id}`. */
  readonly id: string;
  readonly operation: Members;
  /** Of the path and of the operation, which goes before: all that holds. */
  readonly parameters: readonly Members[];
  /** In the document, for messages. */
  readonly place: readonly string[];
}

/** An API description with what it refers to. */
export interface Api {
  readonly dialect: SchemaDialect;
  readonly root: Members;
  readonly documents: SchemaDocuments;
  readonly operations: readonly ApiOperation[];
  /** Paths of its servers, the longest first: `/v1`, or empty. At least one. */
  readonly basePaths: readonly string[];
  /** What is behind references, of a part that is no schema. @throws SchemaProblem */
  behind(part: unknown): unknown;
}

/** An operation as it is written, in a document by itself. */
export interface WrittenOperation extends Omit<ApiOperation, 'parameters'> {
  /** The path's own members. */
  readonly item: Members;
}

/** Of one document, without following references; `ANY` is an extension of a vendor's for all methods. */
export function readOperations({ paths }: Members): WrittenOperation[] {
  return Object.entries(isMembers(paths) ? paths : {}).flatMap(([template, item]) => {
    if (!template.startsWith('/') || !isMembers(item)) return [];
    return [...apiMethods, anyMethod].flatMap((method) => {
      const operation = item[method];
      if (!isMembers(operation)) return [];
      const { operationId } = operation;
      const name = method === anyMethod ? 'ANY' : method.toUpperCase();
      const id = typeof operationId === 'string' && operationId !== '' ? operationId : `${name} ${template}`;
      return [{ template, method: name, id, operation, item, place: ['paths', template, method] }];
    });
  });
}

const anyMethod = 'x-amazon-apigateway-any-method';

export const apiMethods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const;

/** @throws SchemaProblem where it is no OpenAPI document of 3.0 or 3.1. */
export function readApi({ entry, documents: all }: DocumentSet): Api {
  const root = all[entry];
  if (!isMembers(root)) throw new SchemaProblem('expected an OpenAPI document');
  const { openapi: version } = root;
  if (typeof version !== 'string' || !/^3\.[01]\.\d+/.test(version))
    throw new SchemaProblem('expected an OpenAPI document of version 3.0 or 3.1 ("openapi: 3.1.0")');
  const dialect = version.startsWith('3.0') ? 'openapi-3.0' : '2020-12';
  const documents = new SchemaDocuments();
  for (const [path, document] of Object.entries(all))
    documents.add(documentUri(path), document, 'other', dialect);
  const behind = (part: unknown): unknown => {
    let found = part;
    for (let steps = 0; isMembers(found) && typeof found['$ref'] === 'string'; steps++) {
      if (steps > 20) throw new SchemaProblem('a reference leads to itself');
      found = documents.resolve(found['$ref'], found);
    }
    return found;
  };
  return {
    dialect,
    root,
    documents,
    behind,
    operations: operationsOf(root, behind),
    basePaths: basePathsOf(root),
  };
}

function operationsOf({ paths }: Members, behind: Api['behind']): ApiOperation[] {
  return Object.entries(isMembers(paths) ? paths : {}).flatMap(([template, written]) => {
    const item = behind(written);
    if (!template.startsWith('/') || !isMembers(item)) return [];
    return apiMethods.flatMap((method) => {
      const operation = item[method];
      if (!isMembers(operation)) return [];
      const { operationId } = operation;
      const name = method.toUpperCase();
      return [
        {
          template,
          method: name,
          id: typeof operationId === 'string' && operationId !== '' ? operationId : `${name} ${template}`,
          operation,
          parameters: parametersOf(item, operation, behind),
          place: ['paths', template, method],
        },
      ];
    });
  });
}

function parametersOf(item: Members, operation: Members, behind: Api['behind']): Members[] {
  const byName = new Map<string, Members>();
  for (const owner of [item, operation]) {
    const list = owner['parameters'];
    for (const written of Array.isArray(list) ? (list as unknown[]) : []) {
      const parameter = behind(written);
      if (isMembers(parameter) && typeof parameter['name'] === 'string')
        byName.set(`${String(parameter['in'])} ${parameter['name']}`, parameter);
    }
  }
  return [...byName.values()];
}

/** Of the servers' URLs, with the defaults of their variables. */
export function basePathsOf({ servers }: Members): string[] {
  const paths = (Array.isArray(servers) ? (servers as unknown[]) : []).flatMap((server) => {
    const url = isMembers(server) ? server['url'] : undefined;
    if (typeof url !== 'string') return [];
    const { variables } = server as Members;
    const filled = url.replace(/\{([^{}]*)\}/g, (whole, name: string) => {
      const variable = isMembers(variables) ? variables[name] : undefined;
      const value = isMembers(variable) ? variable['default'] : undefined;
      return typeof value === 'string' || typeof value === 'number' ? String(value) : whole;
    });
    if (/[{}]/.test(filled) || !URL.canParse(filled, 'http://localhost')) return [];
    return [new URL(filled, 'http://localhost').pathname.replace(/\/{2,}/g, '/').replace(/\/$/, '')];
  });
  const unique = [...new Set(paths.length > 0 ? paths : [''])];
  return unique.sort((a, b) => b.length - a.length);
}
