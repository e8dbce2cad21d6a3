/** Every string of a JSON text, and whether it is a key. */
const strings = /"((?:[^"\\]|\\.)*)"(\s*:)?/gs;

/**
 * `JSON.parse` for texts of strangers. V8 reads a key that is written with escapes as another one that it has seen before
 * (https://github.com/nodejs/node/issues/63785), so that one caller's body could decide what is read in the next one's.
 * Such keys are therefore given other names while V8 reads the text, and their own afterwards. @throws SyntaxError
 */
export function parseJson(text: string): unknown {
  if (!text.includes('\\')) return JSON.parse(text);
  const { plain, names } = withoutEscapedKeys(text);
  const parsed: unknown = JSON.parse(plain);
  if (names.size > 0) restoreKeys(parsed, names);
  return parsed;
}

function withoutEscapedKeys(text: string): { plain: string; names: Map<string, string> } {
  const names = new Map<string, string>();
  let prefix = '';
  let plain = '';
  let copied = 0;
  for (const match of text.matchAll(strings)) {
    const [whole, inside, colon] = match;
    if (colon === undefined || !inside!.includes('\\')) continue;
    if (prefix === '') prefix = unusedIn(text);
    const name = `${prefix}${names.size}`;
    // As a value it is read rightly.
    names.set(name, JSON.parse(`"${inside}"`) as string);
    plain += `${text.slice(copied, match.index)}"${name}"${colon}`;
    copied = match.index + whole.length;
  }
  return { plain: copied === 0 ? text : plain + text.slice(copied), names };
}

function unusedIn(text: string): string {
  let prefix = 'key-';
  while (text.includes(prefix)) prefix += '-';
  return prefix;
}

/** In place and without recursion: a stranger decides how deep this is. */
function restoreKeys(root: unknown, names: ReadonlyMap<string, string>): void {
  const open = [root];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    const entries = Object.entries(value);
    for (const [, member] of entries) if (typeof member === 'object' && member !== null) open.push(member);
    if (Array.isArray(value) || !entries.some(([key]) => names.has(key))) continue;
    // All of them anew, so that their order stays. Of a key given twice the last counts, as in JSON.parse.
    for (const [key] of entries) delete (value as Record<string, unknown>)[key];
    for (const [key, member] of entries) {
      const own = { value: member, writable: true, enumerable: true, configurable: true };
      Object.defineProperty(value, names.get(key) ?? key, own);
    }
  }
}
