import type { JsonObject } from '#core/call.ts';
import type { CallLine, Dialect, ModelListing, Operation } from '#core/contracts/dialect.ts';
import { headerOf } from '#core/head.ts';
import { serverSentEvents } from '#core/sse.ts';
import { batchOperations } from './batches.ts';
import { interpretedKeys, isArray, readBrief, readConfig } from './brief.ts';
import { parseFault, renderError } from './faults.ts';
import { fileOperations } from './files.ts';
import { jsonArray } from './framing.ts';
import { keeping } from './keeping.ts';
import { parseCall } from './parse-call.ts';
import { ChunkReader, parseAnswer } from './read-answer.ts';
import { renderEnding, renderEvent } from './render-answer.ts';
import { renderCall } from './render-call.ts';
import { renderAnswer } from './render-whole.ts';
import { replaceState } from './replace-state.ts';
import { findVendorIds, vendorIdWords } from './vendor-ids.ts';

/** The developers' API, and the vendor's cloud with and without a project. */
const places = [
  '/v1beta',
  '/v1',
  ...['/v1beta1', '/v1'].flatMap((version) => [
    `${version}/projects/{project}/locations/{location}/publishers/{publisher}`,
    `${version}/publishers/{publisher}`,
  ]),
];
const chats = places.flatMap((place) =>
  ['generateContent', 'streamGenerateContent'].map((method): Operation => {
    return { kind: 'chat', method: 'POST', path: `${place}/models/{+model}:${method}` };
  }),
);
const lists = ['/v1beta', '/v1'].flatMap((version): Operation[] => [
  { kind: 'models', method: 'GET', path: `${version}/models` },
  { kind: 'model', method: 'GET', path: `${version}/models/{+model}` },
]);

/** Gemini's generateContent. */
export const geminiGenerate: Dialect = {
  name: 'gemini-generate',
  besides: ['gemini-embed', 'gemini-count'],
  family: 'gemini',
  client: {
    operations: [...chats, ...lists, ...fileOperations, ...batchOperations],
    recognizes: ({ headers, query }) =>
      headerOf(headers, 'x-goog-api-key') !== undefined ||
      headerOf(headers, 'x-goog-api-client') !== undefined ||
      /(?:^|&)key=/.test(query),
    interpretedKeys,
    brief: readBrief,
    vendorIds: findVendorIds,
    vendorIdWords,
    keeping,
    parseCall,
    replaceState,
    renderAnswer,
    streamType: (line) => (isArray(line) ? jsonArray.mediaType : 'text/event-stream'),
    renderEvent,
    renderEnding,
    renderFault(fault, exchangeId) {
      const body = JSON.stringify(renderError(fault, exchangeId));
      return { headers: ['content-type', 'application/json'], body };
    },
    renderFaultEvent(fault, exchangeId, line) {
      const json = JSON.stringify(renderError(fault, exchangeId));
      return isArray(line) ? `,\n${json}]` : `data: ${json}\n\n`;
    },
    renderModels: (models) => JSON.stringify({ models: models.map(renderModel) }),
    renderModel: (model) => JSON.stringify(renderModel(model)),
    requestIdHeader: 'x-request-id',
    limitHeaders: () => [],
  },
  provider: {
    path: ({ model }, { stream, line }) => `/models/${encodeURI(model)}:${methodOf(stream, line)}`,
    framings: [serverSentEvents, jsonArray],
    headers: (clientHeaders) => [...clientHeaders],
    passesHeaders: ['user-agent', 'x-goog-api-client'],
    // The model stands in the path.
    relayEdits: (body: JsonObject) => ('model' in body ? new Map([['model', null]]) : new Map()),
    capOutput(body, maxOutputTokens) {
      const name = 'generation_config' in body ? 'generation_config' : 'generationConfig';
      const capped = { ...readConfig(body), maxOutputTokens };
      return { edits: new Map([[name, JSON.stringify(capped)]]), losses: [] };
    },
    renderCall,
    readLimits: () => null,
    parseAnswer: (body) => parseAnswer(body),
    eventReader: () => new ChunkReader(),
    withoutUsage: (data) => data,
    parseFault,
    requestIdHeader: 'x-request-id',
    tierHeader: 'x-gemini-service-tier',
  },
};

/** In the form in which the client wants its stream, where that is to pass as it comes. */
function methodOf(stream: boolean, line: CallLine | null): string {
  if (!stream) return 'generateContent';
  return line && isArray(line) ? 'streamGenerateContent' : 'streamGenerateContent?alt=sse';
}

/** https://ai.google.dev/api/models#Model */
const renderModel = (model: ModelListing): JsonObject => ({
  name: `models/${model.id}`,
  version: '',
  displayName: model.id,
  description: '',
  supportedGenerationMethods: ['generateContent', 'streamGenerateContent'],
});
