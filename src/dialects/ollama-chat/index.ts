import type { JsonObject } from '#core/call.ts';
import type { Dialect, ModelListing } from '#core/contracts/dialect.ts';
import { isObject } from '#core/read-json.ts';
import type { Target } from '#core/target.ts';
import { interpretedKeys, readBrief } from './brief.ts';
import { parseFault, renderError } from './faults.ts';
import { jsonLines } from './framing.ts';
import { generatePath } from './generate.ts';
import { parseCall } from './parse-call.ts';
import { LineReader, parseAnswer } from './read-answer.ts';
import { renderAnswer, renderEnding, renderEvent } from './render-answer.ts';
import { renderCall } from './render-call.ts';

/** Ollama's own chat: JSON line by line. */
export const ollamaChat: Dialect = {
  name: 'ollama-chat',
  besides: ['ollama-embed'],
  family: 'ollama',
  client: {
    operations: [
      { kind: 'chat', method: 'POST', path: '/api/chat' },
      { kind: 'chat', method: 'POST', path: generatePath },
      { kind: 'models', method: 'GET', path: '/api/tags' },
    ],
    recognizes: () => false,
    interpretedKeys,
    brief: readBrief,
    // Everything is sent along: nothing is kept under a name but models.
    vendorIds: () => [],
    vendorIdWords: null,
    parseCall,
    // Nothing here is for its maker alone.
    replaceState: () => new Map(),
    renderAnswer,
    streamType: () => jsonLines.mediaType,
    renderEvent,
    renderEnding,
    renderFault(fault, exchangeId) {
      const body = JSON.stringify(renderError(fault, exchangeId));
      return { headers: ['content-type', 'application/json'], body };
    },
    renderFaultEvent: (fault, exchangeId) => `${JSON.stringify(renderError(fault, exchangeId))}\n`,
    renderModels: (models) => JSON.stringify({ models: models.map(renderModel) }),
    renderModel: (model) => JSON.stringify(renderModel(model)),
    requestIdHeader: 'x-request-id',
    limitHeaders: () => [],
  },
  provider: {
    path: (_target, { line }) => line?.operation.path ?? '/api/chat',
    framings: [jsonLines],
    headers: (clientHeaders) => [...clientHeaders],
    passesHeaders: ['user-agent'],
    relayEdits(body: JsonObject, target: Target) {
      return body['model'] === target.model ? new Map() : new Map([['model', JSON.stringify(target.model)]]);
    },
    capOutput({ options }, maxTokens) {
      const capped = { ...(isObject(options) ? options : {}), num_predict: maxTokens };
      return { edits: new Map([['options', JSON.stringify(capped)]]), losses: [] };
    },
    renderCall,
    readLimits: () => null,
    parseAnswer: (body) => parseAnswer(body),
    eventReader: () => new LineReader(),
    withoutUsage: (data) => data,
    parseFault,
    requestIdHeader: 'x-request-id',
  },
};

/** Of a model that is elsewhere neither size nor digest is known. https://docs.ollama.com/api/tags */
function renderModel(model: ModelListing): JsonObject {
  return {
    name: model.id,
    model: model.id,
    modified_at: new Date(model.createdAtS * 1000).toISOString(),
    size: 0,
    digest: '',
    details: {
      parent_model: '',
      format: '',
      family: model.provider,
      families: [model.provider],
      parameter_size: '',
      quantization_level: '',
    },
  };
}
