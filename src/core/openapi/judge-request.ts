import { cookieValues } from '../cookie.ts';
import { valuesOf, type RequestHead } from '../head.ts';
import type { SchemaMismatch } from '../json-schema/run.ts';
import { Run } from '../json-schema/run.ts';
import { readBody, type ReadBody } from '../json-schema/read-body.ts';
import type { Operation, Parameter } from './compile-operation.ts';
import {
  ownsName,
  readHeaderParameter,
  readPairs,
  readPathParameter,
  readQueryParameter,
  type QueryPairs,
  type ReadParameter,
} from './parameter-styles.ts';

/** Something that is not as described, and where. */
export interface Finding extends SchemaMismatch {
  readonly in: 'body' | 'path' | 'query' | 'header' | 'cookie' | 'status';
}

export interface Bounds {
  /** Findings that are told. */
  readonly findings: number;
  readonly maxDepth: number;
  /** Steps of work for a body of so many bytes (Run). */
  workFor(bytes: number): number;
}

/** Everything that a request says outside of its body. @throws TooMuchWork */
export function judgeParameters(
  { parameters }: Operation,
  request: {
    readonly head: RequestHead;
    readonly pathValues: ReadonlyMap<string, string>;
    readonly refuseUnknown: boolean;
  },
  bounds: Bounds,
): Finding[] {
  const { head, pathValues } = request;
  const pairs = readPairs(head.query);
  const cookies = parameters.some(({ place }) => place === 'cookie') ? cookiePairs(head, parameters) : [];
  const findings: Finding[] = [];
  const room = () => bounds.findings - findings.length;
  for (const parameter of parameters) {
    if (room() <= 0) return findings;
    const read = readFrom(parameter, { head, pathValues, pairs, cookies });
    findings.push(...judgeParameter(parameter, read, { bounds, room: room() }));
  }
  if (request.refuseUnknown) {
    const own = parameters.filter(({ place }) => place === 'query');
    for (const name of new Set(pairs.map(([key]) => key)))
      if (room() > 0 && !own.some((parameter) => ownsName(parameter, name)))
        findings.push({
          ...{ in: 'query', path: [name.slice(0, 64)], keyword: 'unknown' },
          ...{ expected: 'only parameters that are described', got: 'another one' },
        });
  }
  return findings;
}

interface Sources {
  readonly head: RequestHead;
  readonly pathValues: ReadonlyMap<string, string>;
  readonly pairs: QueryPairs;
  readonly cookies: QueryPairs;
}

function readFrom(parameter: Parameter, { head, pathValues, pairs, cookies }: Sources): ReadParameter {
  const { place, name } = parameter;
  if (place === 'query') return readQueryParameter(parameter, pairs);
  if (place === 'cookie') return readQueryParameter(parameter, cookies);
  if (place === 'header') return readHeaderParameter(parameter, valuesOf(head.headers, name));
  const segment = pathValues.get(name);
  return segment === undefined ? { value: undefined } : readPathParameter(parameter, segment);
}

function cookiePairs({ headers }: RequestHead, parameters: readonly Parameter[]): QueryPairs {
  const lines = valuesOf(headers, 'cookie');
  return parameters
    .filter(({ place }) => place === 'cookie')
    .flatMap(({ name }) =>
      lines.flatMap((line) => cookieValues(line, name).map((value) => [name, value] as const)),
    );
}

/** Of a request or an answer. @throws TooMuchWork */
export function judgeParameter(
  { name, place, required, check, isJson }: Parameter,
  read: ReadParameter,
  { bounds, room }: { readonly bounds: Bounds; readonly room: number },
): Finding[] {
  const finding = (keyword: string, expected: string, got: string): Finding[] => [
    { in: place, path: [name], keyword, expected, got },
  ];
  if (read === 'twice') return finding('twice', 'one value', 'more than one');
  let { value } = read;
  if (value === undefined)
    return required ? finding('required', 'a value, which is required', 'nothing') : [];
  if (isJson) {
    const parsed =
      typeof value === 'string' ? readBody(new TextEncoder().encode(value), bounds.maxDepth) : { value };
    if (!('value' in parsed)) return finding('json', 'a JSON document', 'something else');
    ({ value } = parsed);
  }
  if (!check) return [];
  const run = new Run(room, bounds.workFor(0));
  run.path.push(name);
  run.enter(check, value);
  return run.mismatches.map((mismatch) => ({ ...mismatch, in: place }));
}

/** A JSON body by its schema. @throws TooMuchWork */
export function judgeJson(
  bytes: Uint8Array,
  check: NonNullable<Parameter['check']>,
  bounds: Bounds,
): { readonly read: ReadBody; readonly findings: readonly Finding[] } {
  const read = readBody(bytes, bounds.maxDepth);
  if (!('value' in read)) return { read, findings: [] };
  return { read, findings: judgeValue(read.value, check, { bounds, bytes: bytes.length }) };
}

/** @throws TooMuchWork */
export function judgeValue(
  value: unknown,
  check: NonNullable<Parameter['check']>,
  { bounds, bytes }: { readonly bounds: Bounds; readonly bytes: number },
): Finding[] {
  const run = new Run(bounds.findings, bounds.workFor(bytes));
  run.enter(check, value);
  return run.mismatches.map((mismatch) => ({ ...mismatch, in: 'body' }));
}
