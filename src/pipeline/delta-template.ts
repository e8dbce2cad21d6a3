import type { EventReader } from '#core/contracts/dialect.ts';
import type { Delta } from '#core/answer.ts';
import { endOfString } from '#core/json.ts';
import { parseEvent } from '#core/sse.ts';

/**
 * The bytes around the text of a delta. Providers send thousands of events that differ only in a few characters of text.
 * An event that equals one already understood, except for the inside of that one string literal, is that event with
 * other text: it needs no parsing.
 */
export interface DeltaTemplate {
  /** Up to and with the literal's opening quote. */
  readonly prefix: string;
  /** From the literal's closing quote to the end of the event. */
  readonly suffix: string;
  /** What the client is to see instead of prefix and suffix; null when it is the same. */
  readonly shown: { readonly prefix: string; readonly suffix: string } | null;
}

const sentinel = '\u0001sluice\u0001';

/**
 * Learns a template from an event (one character for each byte) that was read as the one delta given, and proves it: with
 * another text at the same place the reader must give the same delta with that text. Null when that does not hold.
 */
export function learnTemplate(
  event: string,
  delta: Delta,
  reader: EventReader,
  show: ((event: string) => string | null) | null,
): DeltaTemplate | null {
  const literal = Buffer.from(JSON.stringify(delta.text)).toString('latin1');
  for (let at = event.indexOf(literal); at >= 0; at = event.indexOf(literal, at + 1)) {
    const prefix = event.slice(0, at + 1);
    const suffix = event.slice(at + literal.length - 1);
    const probe = read(prefix + JSON.stringify(sentinel).slice(1, -1) + suffix, reader);
    if (probe?.text !== sentinel || probe.block !== delta.block || probe.choice !== delta.choice) continue;
    if (!show) return { prefix, suffix, shown: null };
    const shown = show(prefix + suffix);
    if (shown === null) return null;
    if (shown === prefix + suffix) return { prefix, suffix, shown: null };
    // The text is empty in `prefix + suffix`; what was taken out must leave the place around it recognisable.
    const cut = commonPrefix(shown, prefix);
    if (cut !== prefix.length) return null;
    return { prefix, suffix, shown: { prefix, suffix: shown.slice(cut) } };
  }
  return null;
}

function read(event: string, reader: EventReader): Delta | null {
  try {
    const events = reader.read(parseEvent(Buffer.from(event, 'latin1').toString('utf8')));
    const only = events[0];
    return events.length === 1 && only?.type === 'delta' ? only : null;
  } catch {
    return null;
  }
}

function commonPrefix(a: string, b: string): number {
  let i = 0;
  while (i < a.length && i < b.length && a[i] === b[i]) i++;
  return i;
}

/** Where the literal that begins after the template's prefix ends, if the event at `from` fits; else -1. */
export function matchTemplate(text: string, from: number, template: DeltaTemplate): number {
  // Comparing slices is several times as fast as `startsWith`, which goes character by character.
  const textStart = from + template.prefix.length;
  if (text.slice(from, textStart) !== template.prefix) return -1;
  const end = endOfString(text, textStart - 1) - 1;
  return text.slice(end, end + template.suffix.length) === template.suffix ? end : -1;
}
