import type { JsonObject } from '#core/call.ts';
import type { CallLine, Dialect } from '#core/contracts/dialect.ts';
import { Fault } from '#core/fault.ts';
import { frameOf, mediaType } from './framing.ts';
import { invokeStream } from './invoke.ts';

const streamPath = '/model/{+model}/invoke-with-response-stream';
const isStream = ({ operation }: CallLine): boolean => operation.path === streamPath;

/** The call as its maker's own API takes it: the path says for which model it is, and whether a stream is wanted. */
function asMessages(body: JsonObject, line: CallLine): JsonObject {
  const { anthropic_version: _, ...call } = body;
  return { ...call, model: line.parameters['model'], stream: isStream(line) };
}

/** Server-sent events as frames of which each holds one. */
const framed = (events: string): string =>
  events
    .split('\n\n')
    .flatMap((event) => /^data: (.*)$/m.exec(event)?.[1] ?? [])
    .map((data) => frameOf('event', 'chunk', { bytes: Buffer.from(data).toString('base64') }))
    .join('');

/**
 * InvokeModel and InvokeModelWithResponseStream with bodies in the format of Claude.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
 */
export const bedrockInvoke = (messages: Dialect, converse: Dialect): Dialect => ({
  name: 'bedrock-invoke',
  family: converse.family,
  client: {
    ...messages.client,
    operations: [
      { kind: 'chat', method: 'POST', path: '/model/{+model}/invoke' },
      { kind: 'chat', method: 'POST', path: streamPath },
    ],
    recognizes: () => false,
    brief: (body, line) => messages.client.brief(asMessages(body, line), line),
    parseCall(body, line) {
      if (!Array.isArray(body['messages']))
        throw new Fault(
          'request/invalid-field',
          '"messages" is missing: bodies in the format of Claude are understood here. Models of other makers are called by Converse.',
          { field: 'messages' },
        );
      return messages.client.parseCall(asMessages(body, line), line);
    },
    streamType: (line) => (isStream(line) ? mediaType : 'application/json'),
    streamEncoding: 'latin1',
    renderEvent: (event, state, context) => framed(messages.client.renderEvent(event, state, context)),
    renderEnding: (ending, state, context) => framed(messages.client.renderEnding(ending, state, context)),
    renderFault: converse.client.renderFault,
    renderFaultEvent: converse.client.renderFaultEvent,
    renderModels: converse.client.renderModels,
    renderModel: converse.client.renderModel,
    requestIdHeader: converse.client.requestIdHeader,
    limitHeaders: converse.client.limitHeaders,
  },
  provider: {
    ...messages.provider,
    framings: [invokeStream],
    headers: converse.provider.headers,
    passesHeaders: converse.provider.passesHeaders,
    readLimits: converse.provider.readLimits,
    parseFault: converse.provider.parseFault,
    requestIdHeader: converse.provider.requestIdHeader,
  },
});
