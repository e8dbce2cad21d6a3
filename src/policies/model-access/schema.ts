import Type, { type Static } from 'typebox';

const Patterns = Type.Array(Type.String({ minLength: 1 }), {
  description: 'Model names; * stands for any characters.',
});

export const ModelAccessSchema = Type.Object(
  {
    projects: Type.Optional(
      Type.Record(Type.String(), Patterns, {
        description: 'Models a project may use. One not named may use all.',
      }),
    ),
    teams: Type.Optional(
      Type.Record(Type.String(), Patterns, {
        description: 'Models a team may use. One not named may use all.',
      }),
    ),
    deny: Type.Optional(Patterns),
  },
  {
    additionalProperties: false,
    description: 'Which keys may use which models: those that the key, its project and its team all grant.',
  },
);
export type ModelAccessSettings = Static<typeof ModelAccessSchema>;
