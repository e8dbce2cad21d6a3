import { Fault } from '#core/fault.ts';
import { isRecord } from './json-text.ts';
import type { Reply } from '#core/contracts/ask.ts';

export const noCredential = (message: string, cause?: unknown): Fault =>
  new Fault('upstream/credential', message, cause === undefined ? {} : { cause });

/** What a server of credentials answered, as JSON. @throws Fault for every answer but a 200 that holds an object. */
export function readJsonReply(reply: Reply, who: string): Readonly<Record<string, unknown>> {
  const parsed = reply.status === 200 ? tryParse(reply.body) : null;
  if (isRecord(parsed)) return parsed;
  const said = reply.status === 200 ? 'something that is no JSON object' : reply.body.slice(0, 300);
  throw noCredential(`${who} gave no credential. It answered ${reply.status}: ${said}`);
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
