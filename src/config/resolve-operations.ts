import { LinearPattern } from '#core/linear-pattern.ts';
import { SchemaProblem } from '#core/json-schema/schema-dialect.ts';
import { readApi, type Api, type ApiOperation } from '#core/openapi/read-api.ts';
import { parseSegments } from '#core/openapi/segments.ts';
import type { Route, RouteMatch } from '#core/snapshot.ts';
import type { PolicyDocuments } from './policy-documents.ts';
import type { Add } from './resolve-match.ts';
import type { OpenApiMatch } from './schema-match.ts';

/** The operations of an API description that a route takes, and the path below which they are. */
export interface RouteOperations {
  readonly base: string;
  readonly operations: readonly ApiOperation[];
}

/** Null: they cannot be read, and that is said. */
export function resolveOperations(
  match: OpenApiMatch,
  documents: PolicyDocuments | undefined,
  add: Add,
): RouteOperations | null {
  const { file, operations: wanted, basePath } = typeof match === 'string' ? { file: match } : match;
  let api: Api;
  try {
    if (!documents) throw new Error('documents cannot be read here');
    api = readApi(documents.read(file));
    const known = api.operations;
    const chosen = wanted
      ? known.filter(({ id, method, template }) =>
          wanted.some((each) => each === id || each === `${method} ${template}`),
        )
      : known;
    for (const each of wanted ?? [])
      if (!chosen.some(({ id, method, template }) => each === id || each === `${method} ${template}`))
        add('match.openapi', `${file} has no operation "${each}"`);
    if (known.length === 0) add('match.openapi', `${file} has no operations`);
    const [base = '', ...others] = basePath === undefined ? api.basePaths : [basePath];
    if (others.length > 0)
      add(
        'match.openapi',
        `the servers of ${file} have different paths; say by "basePath" which one is meant`,
      );
    return { base, operations: chosen };
  } catch (error) {
    const where = error instanceof SchemaProblem ? `${file}: ` : '';
    add('match.openapi', `${where}${(error as Error).message}`);
    return null;
  }
}

/** One route for each operation, alike but for path and method; what is written out goes before what is not. */
export function routesOf(route: Route, { base, operations }: RouteOperations, add: Add): Route[] {
  const routes: Route[] = [];
  for (const { template, method, id } of operations.toSorted(byTemplate)) {
    const path = pathOf(`${base}${template}`);
    if (path === null) add('match.openapi', `the path ${template} is none that a request can have`);
    else
      routes.push({
        ...route,
        match: { ...route.match, path, methods: method === 'GET' ? ['GET', 'HEAD'] : [method] },
        operation: id,
      });
  }
  return routes;
}

const escaped = (text: string): string => text.replace(/[^A-Za-z0-9/]/g, '\\$&');

/** A template of OpenAPI as one of ours; what has text beside a parameter becomes a pattern. Null: it cannot be matched. */
function pathOf(template: string): RouteMatch['path'] | null {
  if (/\/\/|\/\.{1,2}(?:\/|$)|[?#\s\\]/.test(template)) return null;
  const segments = parseSegments(template);
  const isPlain = segments.every(
    ({ texts, names }) => names.length === 0 || (names.length === 1 && texts.join('') === ''),
  );
  if (isPlain && !/[*]/.test(template)) {
    let count = 0;
    return template.replace(/\{([^{}/]*)\}/g, (_, name: string) => {
      count++;
      return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? `{${name}}` : `{p${count}}`;
    });
  }
  const pattern = template
    .split(/(\{[^{}/]*\})/)
    .map((piece, i) => (i % 2 === 1 ? '[^/]+' : escaped(piece)))
    .join('');
  try {
    return { pattern: new LinearPattern(pattern).source };
  } catch {
    return null;
  }
}

/** Segment by segment: a text goes before one with a parameter in it, and that before a parameter alone. */
function byTemplate(one: ApiOperation, other: ApiOperation): number {
  const ranks = ({ template }: ApiOperation) =>
    parseSegments(template).map(({ texts, names }) =>
      names.length === 0 ? 0 : texts.join('') === '' ? 2 : 1,
    );
  const [first, second] = [ranks(one), ranks(other)];
  const at = first.findIndex((rank, i) => rank !== second[i]);
  return at < 0 ? 0 : first[at]! - (second[at] ?? 0);
}
