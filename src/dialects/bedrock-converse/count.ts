import type { Dialect } from '#core/contracts/dialect.ts';
import { countingDialect } from '#core/counting-dialect.ts';
import { Fault } from '#core/fault.ts';
import { isObject } from '#core/read-json.ts';

/**
 * Names of profiles that spread calls over regions. They must be used for calls to newer models, and are refused by counts, which
 * know the model itself alone.
 */
const overRegions = /^(?:global|apac|us-gov|[a-z]{2})\.(?=[a-z0-9]+\.)/;

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html */
export const bedrockCount = (converse: Dialect): Dialect =>
  countingDialect(
    {
      name: 'bedrock-count',
      operations: ['/model/{+model}/count-tokens'],
      takes: ['messages', 'system', 'toolConfig', 'additionalModelRequestFields'],
      place: ['input', 'converse'],
      callIn(body) {
        const { input } = body;
        const call = isObject(input) ? input['converse'] : undefined;
        if (isObject(call)) return call;
        throw new Fault('request/invalid-field', 'input.converse: expected a call as Converse takes it.', {
          field: 'input.converse',
        });
      },
      wrap: (call) => ({ input: { converse: call } }),
      path: ({ model }) => `/model/${encodeURIComponent(model.replace(overRegions, ''))}/count-tokens`,
      // What is counted has no fields of its own to change.
      relayEdits: () => new Map(),
      // A ValidationException like any other, but for its words.
      lacks: ({ message }) => /support counting tokens/i.test(message),
      read: ({ inputTokens }) => inputTokens,
      write: (tokens) => ({ inputTokens: tokens }),
    },
    converse,
  );
