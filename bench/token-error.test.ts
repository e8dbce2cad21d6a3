import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { renderErrors, tokenErrors } from './token-error.ts';

/** By `o200k_base` each of its words is a token, and so is each space that is no word's. */
const words = (count: number): string => Array.from({ length: count }, () => 'the').join(' ');

const chat = (model: string, content: string, completion: number, more: object = {}) => ({
  object: 'chat.completion',
  id: 'x',
  model,
  choices: [{ index: 0, message: { role: 'assistant', content, ...more }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: completion, total_tokens: completion + 1 },
});
const call = { id: 'c', type: 'function', function: { name: 'the', arguments: '{}' } };

const recordings: Readonly<Record<string, object>> = {
  'a.json': chat('gpt-4o', words(30), 30),
  'b.json': chat('gpt-4o', words(30), 40),
  'c.json': chat('gpt-4o', words(30), 25),
  'd.json': chat('deepseek-chat', words(45), 50),
  // The name and the braces are two; the rest of it nobody sees.
  'e.json': chat('deepseek-chat', words(18), 40, { tool_calls: [call] }),
  'too-short.json': chat('deepseek-chat', words(5), 10),
  'thought.json': chat('deepseek-chat', words(30), 90, { reasoning_content: words(10) }),
};

describe('error of counts', () => {
  test('by family, apart where there are tool calls; short answers and thoughts are left out', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-token-error-'));
    try {
      for (const [name, document] of Object.entries(recordings))
        writeFileSync(join(folder, name), JSON.stringify(document));
      assert.equal(
        renderErrors(await tokenErrors(folder)),
        [
          '| family | n | median | least | most | missing a call |',
          '|---|---|---|---|---|---|',
          '| DeepSeek | 1 | -10 % | -10 % | -10 % | – |',
          '| DeepSeek, with tool calls | 1 | -50 % | -50 % | -50 % | 20 |',
          '| GPT-4 and before | 3 | 0 % | -25 % | +20 % | – |',
        ].join('\n'),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  const page = readFileSync(new URL('../docs/token-counting.md', import.meta.url), 'utf8');
  const table = /^\| family [^]*?(?=\n\n)/m.exec(page)?.[0] ?? '';

  test("the page's table is of its form, and says how many answers each figure is of", () => {
    const [head, rule, ...rows] = table.split('\n');
    assert.equal(`${head}\n${rule}`, renderErrors([]));
    assert.ok(rows.length >= 10);
    for (const row of rows) assert.match(row, /^\| [^|]+ \| [1-9]\d* \|( (0|[+-]\d+) % \|){3} (–|-?\d+) \|$/);
  });

  // Where the recordings are that the page is made of.
  const folder = process.env['SLUICE_COUNTED_RECORDINGS'];
  if (folder !== undefined)
    test("the page's table is what they say", async () => {
      assert.equal(table, renderErrors(await tokenErrors(folder)));
    });
});
