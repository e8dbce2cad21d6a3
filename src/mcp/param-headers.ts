import type { JsonObject } from '#core/call.ts';
import type { HeaderList } from '#core/head.ts';
import { isObject } from '#core/read-json.ts';

/** Where in a call's arguments the value of a header stands. */
interface ParamHeader {
  /** In lower case. */
  readonly name: string;
  readonly path: readonly string[];
}

const plain = /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/;
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const begin = '=?base64?';
const end = '?=';
const deepest = 32;

/** https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#value-encoding */
export const encodeValue = (text: string): string =>
  plain.test(text) && !(text.startsWith(begin) && text.endsWith(end))
    ? text
    : `${begin}${Buffer.from(text, 'utf8').toString('base64')}${end}`;

/** Null: it is encoded, and not rightly. */
export function decodeValue(value: string): string | null {
  if (!value.startsWith(begin) || !value.endsWith(end)) return value;
  const inside = value.slice(begin.length, -end.length);
  const bytes = Buffer.from(inside, 'base64');
  return bytes.toString('base64') === inside ? bytes.toString('utf8') : null;
}

/** Which arguments of tools are to stand in headers as well (`x-mcp-header`), as their newest list says. */
export class ParamHeaders {
  readonly #tools = new Map<string, readonly ParamHeader[]>();

  /** @param result Of `tools/list`. */
  learn(result: JsonObject): void {
    if (!Array.isArray(result['tools'])) return;
    for (const tool of result['tools'] as unknown[]) {
      if (!isObject(tool) || typeof tool['name'] !== 'string') continue;
      const found = headersIn(tool['inputSchema'], []);
      if (found.length > 0) this.#tools.set(tool['name'], found);
      else this.#tools.delete(tool['name']);
    }
  }

  of(tool: string, args: unknown): HeaderList {
    return (this.#tools.get(tool) ?? []).flatMap(({ name, path }) => {
      let value: unknown = args;
      for (const step of path)
        value = isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
      const text = typeof value === 'string' ? value : undefined;
      if (text === undefined && typeof value !== 'number' && typeof value !== 'boolean') return [];
      return [`mcp-param-${name}`, encodeValue(text ?? String(value))];
    });
  }
}

function headersIn(schema: unknown, path: readonly string[]): ParamHeader[] {
  if (!isObject(schema) || path.length > deepest) return [];
  const name = schema['x-mcp-header'];
  const own = typeof name === 'string' && token.test(name) ? [{ name: name.toLowerCase(), path }] : [];
  const { properties } = schema;
  if (!isObject(properties)) return own;
  return [...own, ...Object.entries(properties).flatMap(([key, of]) => headersIn(of, [...path, key]))];
}
