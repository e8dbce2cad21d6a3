import { faultKinds, type Fault } from '#core/fault.ts';
import { renderResponseHead } from './response-head.ts';

/** What is said of a request that never became an exchange (RFC 9457). */
export function problemOf(fault: Fault): { headers: Record<string, string>; body: string } {
  const body = JSON.stringify({
    type: `urn:sluice:fault:${fault.code}`,
    title: faultKinds[fault.code].title,
    status: fault.status,
    detail: fault.message,
  });
  const length = String(Buffer.byteLength(body));
  return { headers: { 'content-type': 'application/problem+json', 'content-length': length }, body };
}

/** The last answer on a connection of HTTP/1.1 whose request never became an exchange, as latin1 text. */
export function renderProblem(fault: Fault): Buffer {
  const { headers, body } = problemOf(fault);
  const fields = [...Object.entries(headers).flat(), 'connection', 'close'];
  const head = renderResponseHead(fault.status, fields);
  return Buffer.from(`${head}\r\n${body}`);
}
