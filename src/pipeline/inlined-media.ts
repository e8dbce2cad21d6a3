/** A literal of so many characters without a space is no text. */
const least = 4096;
/** What base64 and data URLs are written in. */
const rest = /[A-Za-z0-9+/=:;,._-]*/y;
const quote = 0x22;

const isMedia = new Uint8Array(256);
for (const c of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=:;,._-')
  isMedia[c.charCodeAt(0)] = 1;

export interface InlinedMedia {
  readonly count: number;
  /** Their length together, with their quotes. */
  readonly characters: number;
}

/**
 * Pictures, sound and documents in a JSON text, by the look of its long literals. A literal of that length has one of every
 * so many characters, so that no more than those are looked at where there is none.
 */
export function findMedia(text: string): InlinedMedia {
  let count = 0;
  let characters = 0;
  for (let at = least; at < text.length; at += least) {
    if (!isMedia[text.charCodeAt(at)]) continue;
    let start = at;
    while (isMedia[text.charCodeAt(start - 1)]) start--;
    rest.lastIndex = at;
    rest.test(text);
    const end = rest.lastIndex;
    const isLiteral = text.charCodeAt(start - 1) === quote && text.charCodeAt(end) === quote;
    if (isLiteral && end - start >= least) {
      count++;
      characters += end - start + 2;
    }
    // The next one looked at is the first beyond its end.
    at = end - (end % least);
  }
  return { count, characters };
}
