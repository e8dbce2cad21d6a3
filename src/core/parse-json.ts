const backslash = 0x5c;
/** Every string of a JSON text, and whether it is a key. */
const strings = /"((?:[^"\\]|\\.)*)"(\s*:)?/gs;

/**
 * `JSON.parse` for texts of strangers. V8 reads a key that is written with escapes as another one that it has seen before
 * (https://github.com/nodejs/node/issues/63785), so that one caller's body could decide what is read in the next one's.
 * Keys with escapes are therefore written without them before V8 sees them. @throws SyntaxError
 */
export function parseJson(text: string): unknown {
  return JSON.parse(text.includes('\\') ? plainKeys(text) : text);
}

function plainKeys(text: string): string {
  let plain = '';
  let copied = 0;
  for (const match of text.matchAll(strings)) {
    const [whole, inside, colon] = match;
    if (colon === undefined || !inside!.includes('\\')) continue;
    plain += `${text.slice(copied, match.index)}"${unescape(inside!)}"${colon}`;
    copied = match.index + whole.length;
  }
  return copied === 0 ? text : plain + text.slice(copied);
}

/** Escapes of characters that need none are undone; the others keep one spelling, without `\u` where there is one. */
function unescape(inside: string): string {
  return inside.replace(/\\(u[0-9a-fA-F]{4}|.)/gs, (escape, what: string) => {
    if (!what.startsWith('u')) return what === '/' ? '/' : escape;
    if (what.length === 1) return escape;
    const code = Number.parseInt(what.slice(1), 16);
    if (code === 0x22) return '\\"';
    if (code === backslash) return '\\\\';
    return code < 0x20 ? escape : String.fromCharCode(code);
  });
}
