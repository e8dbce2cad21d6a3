import { definePolicy, Type } from 'sluice/policy';

/** Large calls of a team count against a limit of their own; some teams have a wider one. */
export default definePolicy({
  name: 'team-limit',
  description: 'limits long conversations by team',
  schema: Type.Object({
    turns: Type.Integer({ minimum: 1, description: 'A conversation of more turns is a long one.' }),
    rate: Type.String({ description: 'Of long ones, for each team: `100/h`.' }),
    rates: Type.Optional(Type.Record(Type.String(), Type.String(), { description: 'Of some teams.' })),
  }),
  reads: ['conversation'],
  limits(call, { settings }) {
    const team = call.consumer?.team;
    if (team === undefined || (call.conversation?.turns.length ?? 0) <= settings.turns) return [];
    return [{ by: team, invented: false, requests: settings.rates?.[team] ?? settings.rate }];
  },
});
