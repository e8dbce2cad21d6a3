import { renderAnthropicErrorFrame, renderMessage, streamMessage } from './anthropic-messages.ts';
import { readMessagesRequest } from './anthropic-request.ts';
import { bedrock } from './bedrock.ts';
import { eventFrame } from './event-stream.ts';
import { BadRequest } from './shape.ts';
import type { Json } from './shape.ts';
import type { Script } from './script.ts';
import { renderJson } from './sse.ts';
import type { Frame } from './sse.ts';
import type { Understood } from './understood.ts';
import type { Vendor } from './vendor-call.ts';

/** Claude's format at an address of the model's own: in the body are its version and neither model nor, here, `stream`. */
function readHosted(
  body: Json,
  script: Script,
  of: { model: string; stream: boolean; version: string; streamInBody: boolean },
): Understood {
  const { anthropic_version: version, anthropic_beta: betas, ...rest } = body;
  if (version !== of.version) throw new BadRequest('', `anthropic_version: expected "${of.version}"`);
  if ('model' in rest) throw new BadRequest('', 'model: Extra inputs are not permitted');
  if (betas !== undefined && !Array.isArray(betas))
    throw new BadRequest('', 'anthropic_beta: expected a list');
  if (!of.streamInBody && 'stream' in rest)
    throw new BadRequest('', 'stream: Extra inputs are not permitted');
  const call = { ...rest, model: of.model, stream: of.stream };
  return readMessagesRequest(call, { version: '2023-06-01', script, counting: false });
}

const INVOKE = /^\/model\/(.+)\/invoke(-with-response-stream)?$/;

/** Bedrock's InvokeModel for Claude: whole, and as an event stream of Claude's own events. */
export const bedrockInvoke: Vendor = {
  ...bedrock,
  answers: (url) => INVOKE.test(url.pathname),
  read(body, script, url) {
    const [, model = '', stream] = INVOKE.exec(url.pathname)!;
    return readHosted(body, script, {
      model: decodeURIComponent(model),
      stream: stream !== undefined,
      version: 'bedrock-2023-05-31',
      streamInBody: false,
    });
  },
  renderWhole: renderMessage,
  *stream(answer, script) {
    for (const { kind, data, usage } of streamMessage(answer, script)) {
      const bytes = Buffer.from(typeof data === 'string' ? data : renderJson(data)).toString('base64');
      const framed: Frame = { kind, data: eventFrame('event', 'chunk', { bytes, p: 'abcd' }), raw: true };
      yield { ...framed, ...(usage && { usage }) };
    }
  },
};

const PREDICT =
  /^\/v1\/projects\/[^/]+\/locations\/[^/]+\/publishers\/anthropic\/models\/(.+):(rawPredict|streamRawPredict)$/;
const STATUSES: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  429: 'RESOURCE_EXHAUSTED',
};

/** Claude on Vertex AI: server-sent events of its own, errors of the cloud's. */
export const vertexClaude: Vendor = {
  name: 'vertex-claude',
  path: '',
  answers: (url) => PREDICT.test(url.pathname),
  asksKey: true,
  read(body, script, url) {
    const [, model = '', method] = PREDICT.exec(url.pathname)!;
    const stream = method === 'streamRawPredict';
    if (stream !== (body.stream === true)) throw new BadRequest('', `stream: it does not go with ${method}`);
    const of = { model: decodeURIComponent(model), stream, version: 'vertex-2023-10-16', streamInBody: true };
    return readHosted(body, script, of);
  },
  renderWhole: renderMessage,
  stream: (answer, script) => streamMessage(answer, script),
  errorFrame: () => renderAnthropicErrorFrame('req_vrtx_sim'),
  renderError: (status, message) => ({
    error: { code: status, message, status: STATUSES[status] ?? 'INTERNAL' },
  }),
};
