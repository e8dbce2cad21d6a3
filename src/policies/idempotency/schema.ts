import { Type, type Static } from 'typebox';

const duration = (description: string) =>
  Type.Union([Type.String({ pattern: '^\\d{1,9}(ms|s|min|h|d)$' }), Type.Integer({ minimum: 0 })], {
    title: 'a duration such as "24h"',
    description,
  });

/** What `idempotency` takes in a configuration. */
export const IdempotencySchema = Type.Object(
  {
    lifetime: Type.Optional(
      duration('For how long a key stands for its first call: from 1s to 31d, 24h when left out.'),
    ),
    maxBytes: Type.Optional(
      Type.Union([Type.String({ pattern: '^\\d{1,6}(B|KiB|MiB|GiB)$' }), Type.Integer({ minimum: 1 })], {
        title: 'a size such as "1MiB"',
        description:
          'Answers up to this size are kept, 1MiB when left out, 64MiB at most. A larger one is known to have been given, and is not given again.',
      }),
    ),
    required: Type.Optional(
      Type.Boolean({ description: 'Are calls without a key refused? false when left out.' }),
    ),
    methods: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Z]{1,20}$' }), {
        minItems: 1,
        uniqueItems: true,
        description: 'Methods whose keys are heeded, [POST, PATCH] when left out.',
      }),
    ),
    wait: Type.Optional(
      duration(
        'So long a call waits for an equal one that is still running, up to 10min; 0 when left out: it is told so at once (409).',
      ),
    ),
    complete: Type.Optional(
      Type.Boolean({
        description:
          'Is an answer completed, and kept, although its client has hung up? When left out the call ends there, and the key is free.',
      }),
    ),
    completeWithin: Type.Optional(
      duration('So long such an answer may take from the hang-up on, 2min when left out.'),
    ),
  },
  {
    additionalProperties: false,
    description:
      'Idempotency-Key: the same key and request get the same answer and are charged once; calls are told apart by project.',
  },
);

export type IdempotencySettings = Static<typeof IdempotencySchema>;
