import type { Dialect, ModelListing } from '#core/contracts/dialect.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import { batchOperations } from './batches.ts';
import { interpretedKeys, readBrief } from './brief.ts';
import { fileOperations } from './files.ts';
import { keeping } from './keeping.ts';
import { capOutput } from './cap-output.ts';
import { limitHeaders, readLimits } from './limits.ts';
import { parseFault, renderError } from './faults.ts';
import { pathOf, relayEdits } from './hosted.ts';
import { parseCall } from './parse-call.ts';
import { MessageReader, parseAnswer } from './read-answer.ts';
import { replaceState } from './replace-state.ts';
import { renderAnswer, renderEnding, renderEvent } from './render-answer.ts';
import { renderCall } from './render-call.ts';
import { findVendorIds, vendorIdWords } from './vendor-ids.ts';

/** Spoken to providers when the client spoke another dialect. */
const ownVersion = '2023-06-01';

/** Anthropic's messages, in both live versions of the API. */
export const anthropicMessages: Dialect = {
  name: 'anthropic-messages',
  besides: ['anthropic-count'],
  family: 'anthropic',
  client: {
    operations: [
      { kind: 'chat', method: 'POST', path: '/v1/messages' },
      { kind: 'models', method: 'GET', path: '/v1/models' },
      { kind: 'model', method: 'GET', path: '/v1/models/{+model}' },
      ...fileOperations,
      ...batchOperations,
    ],
    recognizes: ({ headers }) => headerOf(headers, 'anthropic-version') !== undefined,
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
      return {
        headers: ['content-type', 'application/json'],
        body: JSON.stringify(renderError(fault, exchangeId)),
      };
    },
    renderFaultEvent: (fault, exchangeId) =>
      `event: error\ndata: ${JSON.stringify(renderError(fault, exchangeId))}\n\n`,
    renderModels(models) {
      const data = models.map(renderModel);
      return JSON.stringify({
        data,
        has_more: false,
        first_id: models[0]?.id ?? null,
        last_id: models.at(-1)?.id ?? null,
      });
    },
    renderModel: (model) => JSON.stringify(renderModel(model)),
    requestIdHeader: 'request-id',
    limitHeaders,
  },
  provider: {
    path: pathOf,
    headers: (clientHeaders: HeaderList) =>
      headerOf(clientHeaders, 'anthropic-version') === undefined
        ? ['anthropic-version', ownVersion, ...clientHeaders]
        : [...clientHeaders],
    passesHeaders: [
      'anthropic-version',
      'anthropic-beta',
      'anthropic-dangerous-direct-browser-access',
      'x-stainless-',
      'user-agent',
      'x-app',
    ],
    relayEdits: (body, target, _line, clientHeaders = []) => relayEdits(body, target, clientHeaders),
    capOutput,
    renderCall,
    readLimits,
    parseAnswer: (body) => parseAnswer(body),
    eventReader: () => new MessageReader(),
    withoutUsage: (data) => data,
    parseFault,
    requestIdHeader: 'request-id',
    tokensPerCounted: () => 1.18,
  },
};

/** https://docs.anthropic.com/en/api/models-list */
function renderModel(model: ModelListing) {
  return {
    type: 'model',
    id: model.id,
    display_name: model.id,
    created_at: new Date(model.createdAtS * 1000).toISOString(),
  };
}
