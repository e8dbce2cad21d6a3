import { faultKinds, type Fault } from '#core/fault.ts';
import { renderResponseHead } from './response-head.ts';

/** The last answer on a connection whose request never became an exchange (RFC 9457), as latin1 text. */
export function renderProblem(fault: Fault): Buffer {
  const body = JSON.stringify({
    type: `urn:sluice:fault:${fault.code}`,
    title: faultKinds[fault.code].title,
    status: fault.status,
    detail: fault.message,
  });
  const head = renderResponseHead(fault.status, [
    'content-type',
    'application/problem+json',
    'content-length',
    String(Buffer.byteLength(body)),
    'connection',
    'close',
  ]);
  return Buffer.from(`${head}\r\n${body}`);
}
