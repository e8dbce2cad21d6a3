/** What else of a call has to go with a lower bound on its output. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '#core/call.ts';
import { anthropicMessages } from '#dialects/anthropic-messages/index.ts';
import { bedrockConverse } from '#dialects/bedrock-converse/index.ts';
import { geminiGenerate } from '#dialects/gemini-generate/index.ts';
import { ollamaChat } from '#dialects/ollama-chat/index.ts';
import { openaiChat } from '#dialects/openai-chat/index.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import type { Target } from '#core/target.ts';

const targetWith = (quirks: object): Target =>
  ({ provider: { name: 'p', quirks }, model: 'm' }) as unknown as Target;

function cap(dialect: Dialect, body: JsonObject, maxTokens: number, target = targetWith({})) {
  const { edits, losses } = dialect.provider.capOutput(body, maxTokens, target);
  const set = Object.fromEntries([...edits].map(([key, text]) => [key, JSON.parse(text) as unknown]));
  return { set, lost: losses.map(({ field }) => field) };
}

test('thinking gets what there is room for, and is left out where there is none', () => {
  const thinking = { type: 'enabled', budget_tokens: 5000, display: 'omitted' };
  assert.deepEqual(cap(anthropicMessages, { max_tokens: 9000, thinking }, 4000), {
    set: { max_tokens: 4000, thinking: { ...thinking, budget_tokens: 3999 } },
    lost: [],
  });
  assert.deepEqual(cap(anthropicMessages, { max_tokens: 9000, thinking }, 6000).set, { max_tokens: 6000 });
  assert.deepEqual(cap(anthropicMessages, { max_tokens: 9000, thinking }, 1024), {
    set: { max_tokens: 1024, thinking: { type: 'disabled' } },
    lost: ['thinking'],
  });
  const adaptive = { type: 'adaptive' };
  assert.deepEqual(cap(anthropicMessages, { max_tokens: 9000, thinking: adaptive }, 10).set, {
    max_tokens: 10,
  });
});

test('in the words of Bedrock, too', () => {
  const fields = { top_k: 3, thinking: { type: 'enabled', budget_tokens: 5000 } };
  const body = { inferenceConfig: { maxTokens: 9000, topP: 0.5 }, additionalModelRequestFields: fields };
  assert.deepEqual(cap(bedrockConverse, body, 4000), {
    set: {
      inferenceConfig: { maxTokens: 4000, topP: 0.5 },
      additionalModelRequestFields: { top_k: 3, thinking: { type: 'enabled', budget_tokens: 3999 } },
    },
    lost: [],
  });
  assert.deepEqual(cap(bedrockConverse, body, 100), {
    set: {
      inferenceConfig: { maxTokens: 100, topP: 0.5 },
      additionalModelRequestFields: { top_k: 3, thinking: { type: 'disabled' } },
    },
    lost: ['additionalModelRequestFields.thinking'],
  });
});

test('by the name that the call gives, or that the provider takes', () => {
  assert.deepEqual(cap(openaiChat, { max_tokens: 900 }, 50).set, { max_tokens: 50 });
  assert.deepEqual(cap(openaiChat, { max_tokens: 5, max_completion_tokens: 900 }, 50).set, {
    max_tokens: 5,
    max_completion_tokens: 50,
  });
  const older = targetWith({ maxTokensField: 'max_tokens' });
  assert.deepEqual(cap(openaiChat, { max_completion_tokens: 900 }, 50, older).set, { max_tokens: 50 });
  assert.deepEqual(cap(openaiChat, {}, 50, older).set, { max_tokens: 50 });
});

test('settings beside it stay, in whichever spelling', () => {
  assert.deepEqual(cap(ollamaChat, { options: { num_predict: -1, seed: 4 } }, 50).set, {
    options: { num_predict: 50, seed: 4 },
  });
  assert.deepEqual(cap(geminiGenerate, { generation_config: { max_output_tokens: 900, top_p: 1 } }, 50).set, {
    generation_config: { maxOutputTokens: 50, topP: 1 },
  });
});
