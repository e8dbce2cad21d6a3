import { definePolicy, Type } from 'sluice/policy';

/** Tells the upstream what the caller's credential says of its bearer. */
export default definePolicy({
  name: 'claim-header',
  description: 'sends a claim of the caller on, as a header',
  schema: Type.Object({
    claim: Type.String({ description: 'Its name: `tenant`.' }),
    header: Type.String({ description: 'The header that the upstream reads.' }),
    required: Type.Optional(Type.Boolean({ description: 'Refuse calls without it (false).' })),
  }),
  writes: ['request'],
  onHead(call, { settings }) {
    const value = call.claims[settings.claim];
    // Whatever the client has sent under this name is not what we say.
    call.upstreamHeaders.remove(settings.header);
    if (value !== undefined) call.upstreamHeaders.set(settings.header, value);
    else if (settings.required) call.refuse(403, 'claim/missing', `The token has no "${settings.claim}".`);
  },
});
