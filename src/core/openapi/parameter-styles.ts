import { decodedParameter } from '../query.ts';
import { decodedSegment } from './segments.ts';
import { readScalar, type ValueShape } from './value-shape.ts';

export type ParameterPlace = 'path' | 'query' | 'header' | 'cookie';

/** How a parameter is written (OpenAPI 3.1 §4.8.12.2). */
export interface ParameterStyle {
  readonly name: string;
  readonly place: ParameterPlace;
  readonly style: string;
  readonly explode: boolean;
  readonly shape: ValueShape;
}

/** A query in its pairs: names decoded, values as they were written. */
export type QueryPairs = readonly (readonly [name: string, value: string])[];

export const readPairs = (query: string): QueryPairs =>
  query === ''
    ? []
    : query
        .split('&')
        .filter((pair) => pair !== '')
        .map((pair) => {
          const equals = pair.indexOf('=');
          return equals < 0
            ? ([decodedParameter(pair), ''] as const)
            : ([decodedParameter(pair.slice(0, equals)), pair.slice(equals + 1)] as const);
        });

/** `value` undefined: it is not there. `twice`: it came more than once, and readers would disagree about it. */
export type ReadParameter = { readonly value: unknown } | 'twice';

const isList = ({ shape: { types, items } }: ParameterStyle): boolean =>
  types.has('array') || (types.size === 0 && items !== null);
const isObject = ({ shape: { types, members } }: ParameterStyle): boolean =>
  types.has('object') || (types.size === 0 && members.size > 0);

const absent = { value: undefined };
const textual: ValueShape = { types: new Set(['string']), items: null, members: new Map() };
const itemShape = ({ shape }: ParameterStyle): ValueShape => shape.items ?? textual;

/** Names that belong to the parameter: of a query, for knowing which ones nobody has described. */
export function ownsName(parameter: ParameterStyle, name: string): boolean {
  if (parameter.style === 'deepObject') return name.startsWith(`${parameter.name}[`) && name.endsWith(']');
  if (parameter.explode && isObject(parameter)) return parameter.shape.members.has(name);
  return name === parameter.name;
}

/** Of a query, or of cookies as such pairs. */
export function readQueryParameter(parameter: ParameterStyle, pairs: QueryPairs): ReadParameter {
  const { name, style, explode, shape } = parameter;
  if (style === 'deepObject') return readDeep(parameter, pairs);
  if (isObject(parameter) && explode) {
    const own = pairs.filter(([key]) => shape.members.has(key));
    if (new Set(own.map(([key]) => key)).size < own.length) return 'twice';
    if (own.length === 0) return absent;
    return {
      value: fromEntries(
        own.map(([key, value]) => [key, decodedParameter(value)]),
        shape,
      ),
    };
  }
  const values = pairs.filter(([key]) => key === name).map(([, value]) => value);
  if (values.length === 0) return absent;
  if (isList(parameter) && explode)
    return { value: values.map((value) => readScalar(decodedParameter(value), itemShape(parameter))) };
  if (values.length > 1) return 'twice';
  return {
    value: readDelimited(parameter, values[0]!, { by: delimiterOf(style), decode: decodedParameter }),
  };
}

/** `color[R]=100&color[G]=200`; a list within is written by repeating its name. */
function readDeep({ name, shape }: ParameterStyle, pairs: QueryPairs): ReadParameter {
  const found = new Map<string, string[]>();
  for (const [key, value] of pairs) {
    if (!key.startsWith(`${name}[`) || !key.endsWith(']')) continue;
    const member = key.slice(name.length + 1, -1);
    found.set(member, [...(found.get(member) ?? []), decodedParameter(value)]);
  }
  if (found.size === 0) return absent;
  const entries: [string, unknown][] = [];
  for (const [member, values] of found) {
    const own = shape.members.get(member) ?? textual;
    if (own.types.has('array'))
      entries.push([member, values.map((value) => readScalar(value, own.items ?? textual))]);
    else if (values.length > 1) return 'twice';
    else entries.push([member, readScalar(values[0]!, own)]);
  }
  return { value: ownEntries(entries) };
}

const delimiterOf = (style: string): RegExp =>
  style === 'spaceDelimited' ? /%20|\+| / : style === 'pipeDelimited' ? /\||%7C/i : /,/;

interface Delimited {
  readonly by: RegExp | string;
  readonly decode: (text: string) => string;
}

/** One text that may hold many: `a,b` or `R,100,G,200`. */
function readDelimited(parameter: ParameterStyle, text: string, { by, decode }: Delimited): unknown {
  if (isList(parameter))
    return text === '' ? [] : text.split(by).map((item) => readScalar(decode(item), itemShape(parameter)));
  if (!isObject(parameter)) return readScalar(decode(text), parameter.shape);
  const parts = text.split(by).map(decode);
  const entries: [string, string][] = [];
  for (let i = 0; i + 1 < parts.length; i += 2) entries.push([parts[i]!, parts[i + 1]!]);
  return fromEntries(entries, parameter.shape);
}

/** `R=100,G=200` */
function readAssigned({ shape }: ParameterStyle, text: string, { by, decode }: Delimited): unknown {
  const entries = text.split(by).map((part): [string, string] => {
    const equals = part.indexOf('=');
    return equals < 0 ? [decode(part), ''] : [decode(part.slice(0, equals)), decode(part.slice(equals + 1))];
  });
  return fromEntries(entries, shape);
}

function fromEntries(entries: readonly (readonly [string, string])[], { members }: ValueShape): unknown {
  return ownEntries(entries.map(([key, text]) => [key, readScalar(text, members.get(key) ?? textual)]));
}

/** Whatever their names are: `__proto__` is one like any other. */
const ownEntries = (entries: Iterable<readonly [string, unknown]>): unknown => Object.fromEntries(entries);

/** Of a path's segment, as it stands there. */
export function readPathParameter(parameter: ParameterStyle, segment: string): ReadParameter {
  const { name, style, explode } = parameter;
  const decode = decodedSegment;
  const many = isObject(parameter) && explode;
  if (style === 'label') {
    if (!segment.startsWith('.')) return { value: readScalar(decode(segment), textual) };
    const by = explode ? '.' : ',';
    const text = segment.slice(1);
    return {
      value: many
        ? readAssigned(parameter, text, { by, decode })
        : readDelimited(parameter, text, { by, decode }),
    };
  }
  if (style === 'matrix') {
    if (!segment.startsWith(';')) return { value: readScalar(decode(segment), textual) };
    const text = segment.slice(1);
    if (many) return { value: readAssigned(parameter, text, { by: ';', decode }) };
    const parts = text
      .split(';')
      .map((part) => (part.startsWith(`${name}=`) ? part.slice(name.length + 1) : ''));
    if (isList(parameter) && explode)
      return { value: parts.map((part) => readScalar(decode(part), itemShape(parameter))) };
    return { value: readDelimited(parameter, parts[0]!, { by: ',', decode }) };
  }
  return {
    value: many
      ? readAssigned(parameter, segment, { by: ',', decode })
      : readDelimited(parameter, segment, { by: ',', decode }),
  };
}

const trimmed = (text: string): string => text.trim();

/** Of a header, all of whose lines were joined by commas. */
export function readHeaderParameter(parameter: ParameterStyle, lines: readonly string[]): ReadParameter {
  if (lines.length === 0) return absent;
  const text = lines.join(',');
  const rules = { by: ',', decode: trimmed };
  if (lines.length > 1 && !isList(parameter) && !isObject(parameter)) return 'twice';
  return {
    value:
      isObject(parameter) && parameter.explode
        ? readAssigned(parameter, text, rules)
        : readDelimited(parameter, text, rules),
  };
}
