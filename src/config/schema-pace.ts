import Type from 'typebox';
import { Duration, strict } from './schema-parts.ts';

/** Of a provider. */
export const PaceSchema = Type.Union(
  [
    Type.Boolean(),
    Type.Object(
      {
        wait: Type.Optional(Duration),
        max: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
      },
      strict,
    ),
  ],
  {
    title: 'true, or a mapping of wait and max',
    description:
      "Are calls held back by the provider's own limits, as its answers state them (false)? They go to other targets, or wait: up to wait (10s), max of them for a model (100).",
  },
);
