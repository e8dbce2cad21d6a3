import { Fault, type FaultError } from '#core/fault.ts';
import type { Finding } from '#core/openapi/judge-request.ts';

const pointerOf = (path: Finding['path']): string =>
  path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

const shown = (pointer: string): string => (pointer.length > 200 ? `${pointer.slice(0, 200)}…` : pointer);

function told({ in: place, path, expected, got }: Finding): string {
  const at = shown(pointerOf(path));
  return `${place}${at === '' ? '' : ` ${at}`}: expected ${expected}, got ${got}`;
}

/** Of many the first, and how many more. */
export function summaryOf(findings: readonly Finding[]): string {
  const more = findings.length > 1 ? ` (and ${findings.length - 1} more)` : '';
  return `${told(findings[0]!)}${more}`;
}

export function refusedRequest(findings: readonly Finding[]): Fault {
  const errors = findings.map((finding): FaultError => {
    const { in: place, keyword, expected, got } = finding;
    return {
      detail: told(finding),
      in: place,
      pointer: shown(pointerOf(finding.path)),
      keyword,
      expected,
      got,
    };
  });
  return new Fault('request/not-as-described', `The request is not as described: ${summaryOf(findings)}.`, {
    errors,
  });
}

/** What an upstream has sent is not for the client to know; the receipt has it. */
export const refusedAnswer = (): Fault =>
  new Fault('upstream/not-as-described', 'The upstream has sent an answer that is not as it is described.');
