import { Type, type Static } from 'typebox';

const size = Type.Union([Type.String({ pattern: '^\\d{1,6}(B|KiB|MiB)$' }), Type.Integer({ minimum: 1 })], {
  title: 'a size such as "64KiB"',
});

/** What `audit` takes in a configuration. */
export const AuditSchema = Type.Object(
  {
    content: Type.Optional(
      Type.Union(
        [Type.Literal('none'), Type.Literal('request'), Type.Literal('answer'), Type.Literal('both')],
        { default: 'none', description: 'What is recorded of what was asked and answered.' },
      ),
    ),
    maxBytes: Type.Optional(
      Type.Union(size.anyOf, {
        title: 'a size such as "64KiB"',
        description:
          'So much of the request, and of the answer, is recorded: 64KiB when left out, 4MiB at most.',
      }),
    ),
    mask: Type.Optional(
      Type.Object(
        {
          fields: Type.Optional(
            Type.Array(Type.String({ minLength: 1, maxLength: 128 }), {
              maxItems: 100,
              description:
                'Names of members of JSON whose values are left out, at any depth; case does not matter.',
            }),
          ),
          patterns: Type.Optional(
            Type.Array(Type.String({ minLength: 1, maxLength: 512 }), {
              maxItems: 50,
              description:
                'Regular expressions; what they match in a text, up to 1,024 characters, is left out. Time is linear in the text.',
            }),
          ),
        },
        { additionalProperties: false, description: 'What is never recorded of content.' },
      ),
    ),
    onOverflow: Type.Optional(
      Type.Union([Type.Literal('drop'), Type.Literal('refuse')], {
        default: 'drop',
        description:
          'When the log does not keep up: entries are dropped and counted, or calls are refused (503).',
      }),
    ),
  },
  {
    additionalProperties: false,
    description:
      'Puts exchanges into the audit log: who, what, where to, what it used and cost, and how it ended.',
  },
);

export type AuditPolicySettings = Static<typeof AuditSchema>;
