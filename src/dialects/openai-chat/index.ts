import type { Dialect } from '#core/contracts/dialect.ts';
import { interpretedKeys, readBrief } from './brief.ts';
import { batchOperations } from './batches.ts';
import { fileOperations, keeping } from './files.ts';
import { limitHeaders, readLimits } from './limits.ts';
import { parseFault, renderError } from './faults.ts';
import { parseCall } from './parse-call.ts';
import { createEventReader, parseAnswer } from './read-answer.ts';
import { realtime } from './realtime.ts';
import { capOutput, refusesAskedUsage, relayEdits, relayLosses, withoutUsage } from './relay.ts';
import { replaceState } from './replace-state.ts';
import { renderAnswer, renderEnding, renderEvent } from './render-answer.ts';
import { renderCall } from './render-call.ts';
import { findVendorIds, vendorIdWords } from './vendor-ids.ts';

/** OpenAI's chat completions, and the many providers that speak like it. */
export const openaiChat: Dialect = {
  name: 'openai-chat',
  besides: [
    'openai-embeddings',
    'jina-rerank',
    'openai-images',
    'openai-speech',
    'openai-transcriptions',
    'openai-moderations',
  ],
  family: 'openai',
  session: realtime,
  client: {
    operations: [
      { kind: 'chat', method: 'POST', path: '/v1/chat/completions' },
      { kind: 'chat', method: 'POST', path: '/openai/deployments/{model}/chat/completions' },
      { kind: 'models', method: 'GET', path: '/v1/models' },
      { kind: 'model', method: 'GET', path: '/v1/models/{+model}' },
      ...fileOperations,
      ...batchOperations,
      { kind: 'session', method: 'GET', path: '/v1/realtime' },
      { kind: 'session', method: 'GET', path: '/openai/realtime' },
    ],
    recognizes: () => false,
    interpretedKeys,
    brief: readBrief,
    vendorIds: findVendorIds,
    vendorIdWords,
    keeping,
    parseCall,
    replaceState,
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
    limitHeaders,
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
    relayLosses,
    capOutput,
    renderCall,
    readLimits,
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
