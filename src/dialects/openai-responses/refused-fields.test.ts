import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallLine } from '#core/contracts/dialect.ts';
import type { Target } from '#core/target.ts';
import { openaiChat } from '../openai-chat/index.ts';
import { openaiResponses } from './index.ts';

const { client, provider } = openaiResponses(openaiChat);
const target = {
  provider: { name: 'p', quirks: { refusesFields: ['top_logprobs', 'store'] } },
  model: 'm',
} as unknown as Target;
const line: CallLine = { operation: client.operations[0]!, parameters: {}, query: '' };

test('what a provider refuses is left out, and named where it asked for something', () => {
  const body = { model: 'asked', input: 'x', top_logprobs: 2, store: false };
  assert.deepEqual(
    [...provider.relayEdits(body, target, line)],
    [
      ['model', '"m"'],
      ['top_logprobs', null],
      ['store', null],
    ],
  );
  assert.deepEqual(
    provider.relayLosses!(body, target).map(({ field }) => field),
    ['top_logprobs'],
  );
  const rendered = provider.renderCall(client.parseCall(body, line), target);
  const sent = JSON.parse(rendered.body) as Record<string, unknown>;
  assert.ok(!('top_logprobs' in sent) && !('store' in sent));
  assert.deepEqual(
    rendered.losses.map(({ field }) => field),
    ['top_logprobs'],
  );
});
