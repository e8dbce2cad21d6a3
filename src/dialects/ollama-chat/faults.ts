import { Fault, type FaultCode } from '#core/fault.ts';
import type { JsonObject } from '#core/call.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import { isObject } from '#core/read-json.ts';

const retryHeaders = ['retry-after', 'retry-after-ms'];
/** The call itself is at fault: another target would refuse it, too. */
const refusesAnywhere = new Set([400, 413, 422]);

/** https://docs.ollama.com/api/errors */
export function parseFault(status: number, headers: HeaderList, body: Uint8Array): Fault {
  const text = Buffer.from(body).toString('utf8');
  let said: string | null = null;
  try {
    said = messageOf(JSON.parse(text));
  } catch {
    // Its router answers plain text for paths it does not have.
    said = text.length > 0 && text.length <= 200 && !text.includes('<') ? text.trim() : null;
  }
  return new Fault(codeOf(status), said ?? `The upstream answered with status ${status}.`, {
    status,
    headers: retryHeaders.flatMap((name) => {
      const value = headerOf(headers, name);
      return value === undefined ? [] : [name, value];
    }),
    retryable: !refusesAnywhere.has(status),
    ...(body.length > 0 ? { upstreamBody: body } : {}),
  });
}

/** An error that came as a line of a stream, or in the place of an answer: it has no status of its own. */
export function faultOfLine(line: JsonObject): Fault | null {
  const said = messageOf(line);
  return said === null ? null : new Fault('upstream/closed', said, { status: 502 });
}

function messageOf(document: unknown): string | null {
  if (!isObject(document)) return null;
  const { error } = document;
  if (typeof error === 'string') return error;
  return isObject(error) && typeof error['message'] === 'string' ? error['message'] : null;
}

function codeOf(status: number): FaultCode {
  if (status === 429) return 'upstream/rate-limited';
  if (status === 503) return 'upstream/overloaded';
  if (status >= 500 || status === 408) return 'upstream/closed';
  return 'upstream/refused';
}

/** The error is a text alone; `sluice` names the fault and the exchange. */
export const renderError = (fault: Fault, exchangeId: string): JsonObject => ({
  error: fault.message,
  sluice: { code: fault.code, exchange: exchangeId },
});
