import type { Policy, PolicyKind } from '#core/contracts/policy.ts';
import type { SetHeadersSettings } from './schema.ts';

/** Sets, adds and removes headers of requests and answers. */
export const setHeaders: PolicyKind<SetHeadersSettings> = {
  name: 'set-headers',
  create: (settings) => createSetHeaders(settings),
};

type Side = NonNullable<SetHeadersSettings['request']>;
interface Edit {
  readonly name: string;
  readonly value: string | null;
  readonly add: boolean;
}

/** Framing, and what belongs to one connection: to change it would change what the request or answer is. */
const untouchable = new Set([
  'connection',
  'content-length',
  'transfer-encoding',
  'keep-alive',
  'te',
  'trailer',
  'upgrade',
  'host',
  'proxy-connection',
]);

/** @throws RangeError for a header that nobody may change. */
function createSetHeaders(settings: SetHeadersSettings): Policy {
  const request = editsOf(settings.request);
  const response = editsOf(settings.response);
  const names = (edits: readonly Edit[]) =>
    edits.map((edit) => `${edit.value === null ? '-' : edit.add ? '+' : ''}${edit.name}`).join(' ');
  return {
    name: 'set-headers',
    summary: `request: ${names(request) || 'as it is'}; response: ${names(response) || 'as it is'}`,
    ...(request.length ? { onHead: (exchange) => void exchange.upstreamHeaders.push(...request) } : {}),
    ...(response.length ? { onAnswer: (_exchange, _status, headers) => applyEdits(headers, response) } : {}),
  };
}

function editsOf(side: Side | undefined): Edit[] {
  const edits: Edit[] = [
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
  const refused = edits.find((edit) => untouchable.has(edit.name));
  if (refused)
    throw new RangeError(`set-headers: "${refused.name}" belongs to the connection and cannot be changed`);
  return edits;
}

function applyEdits(headers: readonly string[], edits: readonly Edit[]): string[] {
  let edited = [...headers];
  for (const { name, value, add } of edits) {
    if (!add) edited = edited.filter((_, i) => edited[i - (i % 2)] !== name);
    if (value !== null) edited.push(name, value);
  }
  return edited;
}
