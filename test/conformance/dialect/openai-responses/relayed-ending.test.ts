/** A policy ends an answer that passes as its provider wrote it: OpenAI's SDK keeps what it has heard, and says so. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { advance, newStreamState } from '#core/answer.ts';
import { inputLine, outputLine } from '#core/usage.ts';
import { dialects } from '#dialects/index.ts';
import { contextOf, target } from '../read-stream.ts';
import { readResponses } from './official-reader.ts';

const dialect = dialects.find(({ name }) => name === 'openai-responses')!;
const lines = readFileSync('test/fixtures/streams/openai-responses/text.chunks.txt', 'utf8')
  .split('\n')
  .filter((line) => line !== '');
const usage = { lines: [inputLine(5), outputLine(2)], source: 'estimate', raw: null, flags: [] } as const;

test('a relayed answer can be ended at any event', async () => {
  let heard = 0;
  for (let length = 1; length < lines.length; length++) {
    const reader = dialect.provider.eventReader(target);
    const state = newStreamState();
    let text = '';
    let said = '';
    for (const data of lines.slice(0, length)) {
      const { type } = JSON.parse(data) as { type: string };
      text += `event: ${type}\ndata: ${data}\n\n`;
      for (const event of reader.read({ name: type, data })) {
        advance(state, event);
        if (event.type === 'delta') said += event.text;
      }
    }
    const ending = { reason: 'content-filter', usage } as const;
    const reading = await readResponses(
      text + dialect.client.renderEnding(ending, state, contextOf(dialect)),
    );
    assert.equal(reading.text, said);
    assert.equal(reading.finish, 'content_filter');
    assert.deepEqual(reading.usage, { input: 5, output: 2 });
    if (said !== '') heard++;
  }
  assert.ok(heard > 2);
});
