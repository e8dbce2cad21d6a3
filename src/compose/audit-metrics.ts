import type { AuditLine } from '#audit/connect-audit.ts';
import type { MetricJson } from '#observe/series.ts';

/** How a thread fares with the audit log. */
export const auditMetrics = ({
  dropped,
  failures,
}: Pick<AuditLine, 'dropped' | 'failures'>): MetricJson[] => [
  total(
    'sluice_audit_dropped_total',
    'Audit entries of exchanges that were dropped: the log did not keep up.',
    dropped,
  ),
  total(
    'sluice_audit_failures_total',
    'Writes to the audit log that failed or were not answered in time.',
    failures,
  ),
];

function total(name: string, help: string, value: number): MetricJson {
  return { name, help, type: 'counter', aggregator: 'sum', values: [{ labels: {}, value }] };
}
