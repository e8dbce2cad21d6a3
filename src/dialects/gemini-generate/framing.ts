import type { Framing } from '#core/contracts/framing.ts';
import { Fault } from '#core/fault.ts';

const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

/** Index after the object that begins at `from`, or -1. */
function endOfObject(text: string, from: number): number {
  let depth = 0;
  let isText = false;
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (isText) {
      if (code === 0x5c) at++;
      else if (code === 0x22) isText = false;
    } else if (code === 0x22) isText = true;
    else if (code === 0x7b) depth++;
    else if (code === 0x7d && --depth === 0) return at + 1;
  }
  return -1;
}

/**
 * One JSON array whose members are the events. A frame is a member with the bracket or the comma before it, or the bracket at
 * the end; an object without brackets, which is what a whole answer is, is a frame, too.
 */
export const jsonArray: Framing = {
  mediaType: 'application/json',
  encoding: 'utf8',
  linked: true,
  endOf(text, from) {
    let at = from;
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (isSpace(code) || code === 0x5b || code === 0x2c) continue;
      if (code === 0x5d) return at + 1;
      if (code === 0x7b) return endOfObject(text, at);
      throw new Fault(
        'upstream/malformed-answer',
        'The upstream sent a stream that is not a JSON array of objects.',
      );
    }
    return -1;
  },
  parse(frame) {
    const start = frame.indexOf('{');
    return start < 0
      ? { name: frame.includes(']') ? 'end' : '', data: '' }
      : { name: '', data: frame.slice(start) };
  },
  closing: null,
};
