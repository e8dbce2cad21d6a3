import type { Dialect, LimitStand } from '#core/contracts/dialect.ts';
import { interpretedKeys, readBrief } from './brief.ts';
import { parseFault, renderError } from './faults.ts';
import { parseCall } from './parse-call.ts';
import { createEventReader, parseAnswer } from './read-answer.ts';
import { refusesAskedUsage, relayEdits, withoutUsage } from './relay.ts';
import { renderAnswer, renderEnding, renderEvent } from './render-answer.ts';
import { renderCall } from './render-call.ts';

/** OpenAI's chat completions, and the many providers that speak like it. */
export const openaiChat: Dialect = {
  name: 'openai-chat',
  client: {
    operations: [
      { kind: 'chat', method: 'POST', path: '/v1/chat/completions' },
      { kind: 'models', method: 'GET', path: '/v1/models' },
      { kind: 'model', method: 'GET', path: '/v1/models/:model' },
    ],
    recognizes: () => false,
    interpretedKeys,
    brief: readBrief,
    parseCall,
    renderAnswer,
    renderEvent,
    renderEnding,
    renderFault(fault, exchangeId) {
      const body = JSON.stringify({ error: renderError(fault, exchangeId) });
      return { headers: ['content-type', 'application/json'], body };
    },
    renderFaultEvent: (fault, exchangeId) =>
      `data: ${JSON.stringify({ error: renderError(fault, exchangeId) })}\n\n`,
    renderModels: (models) => JSON.stringify({ object: 'list', data: models.map(renderModel) }),
    renderModel: (model) => JSON.stringify(renderModel(model)),
    requestIdHeader: 'x-request-id',
    limitHeaders: ({ requests, tokens }) => [
      ...limitTriple('requests', requests),
      ...limitTriple('tokens', tokens),
    ],
  },
  provider: {
    path: () => '/chat/completions',
    headers: (clientHeaders) => [...clientHeaders],
    passesHeaders: [
      'openai-beta',
      'openai-organization',
      'openai-project',
      'x-stainless-',
      'user-agent',
      'http-referer',
      'x-title',
    ],
    relayEdits,
    renderCall,
    parseAnswer,
    eventReader: createEventReader,
    withoutUsage,
    refusesAskedUsage,
    parseFault,
    requestIdHeader: 'x-request-id',
  },
};

/** https://platform.openai.com/docs/api-reference/models/object */
function renderModel(model: { readonly id: string; readonly provider: string; readonly createdAtS: number }) {
  return { id: model.id, object: 'model', created: model.createdAtS, owned_by: model.provider };
}

/** https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers */
function limitTriple(what: string, stand: LimitStand | null): string[] {
  if (!stand) return [];
  return [
    `x-ratelimit-limit-${what}`,
    String(stand.limit),
    `x-ratelimit-remaining-${what}`,
    String(stand.remaining),
    `x-ratelimit-reset-${what}`,
    renderDuration(stand.resetMs),
  ];
}

/** As Go writes durations: 120ms, 6.5s, 6m0s. */
function renderDuration(ms: number): string {
  if (ms < 1000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 100) / 10;
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${Math.ceil(seconds % 60)}s`;
}
