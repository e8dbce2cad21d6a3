import type { Policy, PolicyKind } from '#core/contracts/policy.ts';
import { applyHeaderEdits, untouchableHeaders, type HeaderEdit } from '#core/header-edits.ts';
import type { SetHeadersSettings } from './schema.ts';

/** Sets, adds and removes headers of requests and answers. */
export const setHeaders: PolicyKind<SetHeadersSettings> = {
  name: 'set-headers',
  create: (settings) => createSetHeaders(settings),
};

type Side = NonNullable<SetHeadersSettings['request']>;

/** @throws RangeError for a header that nobody may change. */
function createSetHeaders(settings: SetHeadersSettings): Policy {
  const request = editsOf(settings.request);
  const response = editsOf(settings.response);
  const names = (edits: readonly HeaderEdit[]) =>
    edits.map((edit) => `${edit.value === null ? '-' : edit.add ? '+' : ''}${edit.name}`).join(' ');
  return {
    name: 'set-headers',
    summary: `request: ${names(request) || 'as it is'}; response: ${names(response) || 'as it is'}`,
    ...(request.length ? { onHead: (exchange) => void exchange.upstreamHeaders.push(...request) } : {}),
    ...(response.length
      ? { onAnswer: (_exchange, _status, headers) => applyHeaderEdits(headers, response) }
      : {}),
  };
}

function editsOf(side: Side | undefined): HeaderEdit[] {
  const edits: HeaderEdit[] = [
    ...(side?.remove ?? []).map((name) => ({ name: name.toLowerCase(), value: null, add: false })),
    ...Object.entries(side?.set ?? {}).map(([name, value]) => ({
      name: name.toLowerCase(),
      value,
      add: false,
    })),
    ...Object.entries(side?.add ?? {}).map(([name, value]) => ({
      name: name.toLowerCase(),
      value,
      add: true,
    })),
  ];
  const refused = edits.find((edit) => untouchableHeaders.has(edit.name));
  if (refused)
    throw new RangeError(`set-headers: "${refused.name}" belongs to the connection and cannot be changed`);
  return edits;
}
