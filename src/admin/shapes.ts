import { Type, type TSchema } from 'typebox';
import { roles } from '#core/principal.ts';

/** Pieces that several resources' schemas are made of. What is asked is closed; what is answered may grow. */

export const closed = { additionalProperties: false } as const;
export const Name = Type.String({ minLength: 1, maxLength: 128, pattern: '^[^\\u0000-\\u001f\\u007f]+$' });
export const Id = Type.Object({ id: Name }, closed);
export const Instant = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
export const orNull = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
export const Grant = Type.Object(
  { role: Type.Union(roles.map((role) => Type.Literal(role))), team: orNull(Name) },
  closed,
);
export const Anything = Type.Object({}, { additionalProperties: true });
export const TextList = Type.Array(Type.String());
export const Change = Type.Object({
  path: Type.String(),
  change: Type.Union(['added', 'removed', 'changed', 'moved'].map((word) => Type.Literal(word))),
  before: Type.Unknown(),
  after: Type.Unknown(),
});
export const Finding = Type.Object({
  path: Type.String(),
  message: Type.String(),
  line: Type.Integer(),
  column: Type.Integer(),
});
