import { Type, type Static } from 'typebox';

const percent = Type.Number({ minimum: 0, maximum: 100, description: 'Share of the exchanges, in percent.' });

/** What `fault-injection` takes in a configuration. */
export const FaultInjectionSchema = Type.Object(
  {
    delay: Type.Optional(
      Type.Object(
        {
          percent,
          ms: Type.Integer({
            minimum: 1,
            maximum: 600_000,
            description: 'So long they wait, in milliseconds.',
          }),
        },
        { additionalProperties: false, description: 'Makes a share of the exchanges wait.' },
      ),
    ),
    abort: Type.Optional(
      Type.Object(
        {
          percent,
          status: Type.Integer({ minimum: 400, maximum: 599, description: 'What they are answered.' }),
        },
        { additionalProperties: false, description: 'Fails a share of the exchanges.' },
      ),
    ),
    seed: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 0xffffffff,
        description: 'Makes chance repeatable: each thread draws the same sequence (unpredictable).',
      }),
    ),
  },
  {
    additionalProperties: false,
    description: 'Delays or fails a share of the exchanges on purpose, to test clients.',
  },
);

export type FaultInjectionSettings = Static<typeof FaultInjectionSchema>;
