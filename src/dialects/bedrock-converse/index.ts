import type { JsonObject } from '#core/call.ts';
import type { Dialect, ModelListing } from '#core/contracts/dialect.ts';
import { headerOf } from '#core/head.ts';
import { interpretedKeys, isStream, readBrief } from './brief.ts';
import { capOutput } from './cap-output.ts';
import { parseFault, renderError, typeOf } from './faults.ts';
import { eventStream, frameOf, mediaType } from './framing.ts';
import { parseCall } from './parse-call.ts';
import { ConverseReader, parseAnswer } from './read-answer.ts';
import { renderAnswer, renderEnding, renderEvent } from './render-answer.ts';
import { renderCall } from './render-call.ts';
import { replaceState } from './replace-state.ts';
import { findVendorIds, vendorIdWords } from './vendor-ids.ts';

/** Bedrock's Converse, whole and as an event stream. */
export const bedrockConverse: Dialect = {
  name: 'bedrock-converse',
  family: 'bedrock',
  besides: ['bedrock-count'],
  client: {
    operations: [
      { kind: 'chat', method: 'POST', path: '/model/{+model}/converse' },
      { kind: 'chat', method: 'POST', path: '/model/{+model}/converse-stream' },
      { kind: 'models', method: 'GET', path: '/foundation-models' },
      { kind: 'model', method: 'GET', path: '/foundation-models/{+model}' },
    ],
    recognizes: ({ headers }) => headerOf(headers, 'amz-sdk-invocation-id') !== undefined,
    interpretedKeys,
    brief: readBrief,
    vendorIds: findVendorIds,
    vendorIdWords,
    parseCall,
    replaceState,
    renderAnswer,
    streamType: (line) => (isStream(line) ? mediaType : 'application/json'),
    streamEncoding: 'latin1',
    renderEvent,
    renderEnding,
    renderFault: (fault, exchangeId) => ({
      headers: ['content-type', 'application/json', 'x-amzn-errortype', typeOf(fault)],
      body: JSON.stringify(renderError(fault, exchangeId)),
    }),
    renderFaultEvent(fault, exchangeId) {
      const type = inStream[typeOf(fault)] ?? 'internalServerException';
      return frameOf('exception', type, renderError(fault, exchangeId));
    },
    renderModels: (models) => JSON.stringify({ modelSummaries: models.map(renderModel) }),
    renderModel: (model) => JSON.stringify({ modelDetails: renderModel(model) }),
    requestIdHeader: 'x-amzn-requestid',
    limitHeaders: () => [],
  },
  provider: {
    path: ({ model }, { stream }) =>
      `/model/${encodeURIComponent(model)}/${stream ? 'converse-stream' : 'converse'}`,
    framings: [eventStream],
    headers: (clientHeaders) => [...clientHeaders],
    passesHeaders: ['user-agent', 'x-amzn-bedrock-'],
    // The model stands in the path.
    relayEdits: (body: JsonObject) => ('modelId' in body ? new Map([['modelId', null]]) : new Map()),
    capOutput,
    renderCall,
    readLimits: () => null,
    parseAnswer: (body) => parseAnswer(body),
    eventReader: () => new ConverseReader(),
    withoutUsage: (data) => data,
    parseFault,
    requestIdHeader: 'x-amzn-requestid',
    tokensPerCounted: ({ model }) => (model.includes('claude') ? 1.18 : 1),
  },
};

/** What of the errors has a word within a stream. */
const inStream: Readonly<Record<string, string>> = {
  ValidationException: 'validationException',
  ThrottlingException: 'throttlingException',
  ServiceUnavailableException: 'serviceUnavailableException',
  ModelErrorException: 'modelStreamErrorException',
};

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_FoundationModelSummary.html */
const renderModel = (model: ModelListing): JsonObject => ({
  modelArn: `arn:aws:bedrock:::foundation-model/${model.id}`,
  modelId: model.id,
  modelName: model.id,
  providerName: model.provider,
  responseStreamingSupported: true,
});
