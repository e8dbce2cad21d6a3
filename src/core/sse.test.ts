import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { endOfEvent, parseEvent } from './sse.ts';

const runs = process.env['SLUICE_LONG'] ? 20_000 : 1000;

/** Line by line, as the standard describes it. Slow, and obviously right. */
function referenceEvents(text: string): { name: string; data: string }[] {
  const lines: string[] = [];
  let line = '';
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\n' || text[i] === '\r') {
      lines.push(line);
      line = '';
      if (text[i] === '\r' && text[i + 1] === '\n') i++;
    } else line += text[i];
  }
  const events: { name: string; data: string }[] = [];
  let name = '';
  let data: string[] = [];
  for (const l of lines) {
    if (l === '') {
      if (name !== '' || data.length) events.push({ name, data: data.join('\n') });
      name = '';
      data = [];
    } else if (!l.startsWith(':')) {
      const [, field, value] = /^([^:]*)(?::(?: )?(.*))?$/s.exec(l)!;
      if (field === 'event') name = value ?? '';
      if (field === 'data') data.push(value ?? '');
    }
  }
  return events;
}

const line = fc.oneof(
  fc.constantFrom(
    'data: {"a":1}',
    'data:x',
    'data',
    'event: ping',
    'event:',
    ': comment',
    'id: 7',
    'data:  two',
    ':',
    'retry: 5',
  ),
  fc.string().map((s) => `data: ${s.replace(/[\r\n]/g, '')}`),
);
const stream = fc
  .array(fc.tuple(fc.oneof(line, fc.constant('')), fc.constantFrom('\n', '\r\n', '\r')), { maxLength: 30 })
  .map((lines) => lines.map(([l, e]) => l + e).join(''));

function scanned(text: string): { name: string; data: string }[] {
  const events = [];
  const hasCr = text.includes('\r');
  let at = 0;
  for (let end = endOfEvent(text, at, hasCr); end >= 0; end = endOfEvent(text, at, hasCr)) {
    const event = parseEvent(text.slice(at, end));
    if (event.name !== '' || event.data !== '' || /(?:^|[\r\n])data(?::|[\r\n])/.test(text.slice(at, end)))
      events.push(event);
    at = end;
  }
  return events;
}

test('events are the ones that a line-by-line reader finds', () => {
  fc.assert(
    fc.property(stream, (text) => {
      // A lone CR at the very end may be half of a CRLF: the scanner waits for what follows.
      const whole = `${text}\n\n`;
      assert.deepEqual(scanned(whole), referenceEvents(whole));
    }),
    { numRuns: runs, seed: 3 },
  );
});
