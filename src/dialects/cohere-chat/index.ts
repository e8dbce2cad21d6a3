import type { JsonObject } from '#core/call.ts';
import type { Dialect, ModelListing } from '#core/contracts/dialect.ts';
import { headerOf } from '#core/head.ts';
import type { Target } from '#core/target.ts';
import { interpretedKeys, readBrief } from './brief.ts';
import { parseFault, renderError } from './faults.ts';
import { parseCall } from './parse-call.ts';
import { ChatReader, parseAnswer } from './read-answer.ts';
import { renderAnswer, renderEnding, renderEvent, renderFaultEvent } from './render-answer.ts';
import { renderCall } from './render-call.ts';

/** Cohere's chat, in its second version. */
export const cohereChat: Dialect = {
  name: 'cohere-chat',
  besides: ['cohere-embed', 'cohere-rerank'],
  family: 'cohere',
  client: {
    operations: [
      { kind: 'chat', method: 'POST', path: '/v2/chat' },
      { kind: 'models', method: 'GET', path: '/v1/models' },
      { kind: 'model', method: 'GET', path: '/v1/models/{+model}' },
    ],
    recognizes: ({ headers }) =>
      headerOf(headers, 'x-fern-sdk-name')?.startsWith('cohere') === true ||
      headerOf(headers, 'user-agent')?.startsWith('cohere') === true,
    interpretedKeys,
    brief: readBrief,
    // Documents are sent along, and nothing else is kept under a name.
    vendorIds: () => [],
    vendorIdWords: null,
    parseCall,
    // Nothing here is for its maker alone.
    replaceState: () => new Map(),
    renderAnswer,
    renderEvent,
    renderEnding,
    renderFault(fault, exchangeId) {
      const body = JSON.stringify(renderError(fault, exchangeId));
      return { headers: ['content-type', 'application/json'], body };
    },
    renderFaultEvent(fault, exchangeId) {
      const { message, ...more } = renderError(fault, exchangeId);
      return renderFaultEvent(String(message), more);
    },
    renderModels: (models) => JSON.stringify({ models: models.map(renderModel) }),
    renderModel: (model) => JSON.stringify(renderModel(model)),
    requestIdHeader: 'x-request-id',
    limitHeaders: () => [],
  },
  provider: {
    path: () => '/v2/chat',
    headers: (clientHeaders) => [...clientHeaders],
    passesHeaders: ['user-agent', 'x-client-name', 'x-fern-'],
    relayEdits(body: JsonObject, target: Target) {
      return body['model'] === target.model ? new Map() : new Map([['model', JSON.stringify(target.model)]]);
    },
    capOutput: (_body, maxTokens) => ({
      edits: new Map([['max_tokens', JSON.stringify(maxTokens)]]),
      losses: [],
    }),
    renderCall,
    readLimits: () => null,
    parseAnswer: (body) => parseAnswer(body),
    eventReader: () => new ChatReader(),
    withoutUsage: (data) => data,
    parseFault,
    requestIdHeader: 'x-debug-trace-id',
  },
};

/** https://docs.cohere.com/reference/list-models */
const renderModel = (model: ModelListing): JsonObject => ({
  name: model.id,
  endpoints: ['chat'],
  finetuned: false,
  is_deprecated: false,
});
