import type { AuditRecordView } from '#core/contracts/audit.ts';
import { renderCsvRow } from '#core/csv.ts';

const columns = [
  'sequence',
  'at',
  'kind',
  'who',
  'action',
  'resource',
  'outcome',
  'reason',
  'address',
  'exchange',
  'project',
  'route',
  'details',
  'hash',
];

export const auditCsvHead = renderCsvRow(columns);

/** One row (RFC 4180); what has no column of its own is in `details`, as JSON. */
export function auditCsvRow(view: AuditRecordView): string {
  const { sequence, at, kind, hash, who, action, resource, outcome, reason, address, ...others } = view;
  const { id, project, route, ...details } = others as Record<string, unknown>;
  const text = (value: unknown) => (value === null || value === undefined ? null : String(value));
  return renderCsvRow([
    ...[sequence, at, kind, (who as { readonly id?: string } | undefined)?.id ?? null],
    ...[action, resource, outcome, reason, address, id, project, route].map(text),
    ...[JSON.stringify(details), hash],
  ]);
}
