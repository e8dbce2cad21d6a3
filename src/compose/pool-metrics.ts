import type { MemberReport, PoolReport } from '#core/contracts/pool-control.ts';
import { gauge, type MetricJson } from '#observe/series.ts';

/** What is known of members of pools, as metrics. There are never more members than the shared memory has places. */
export function poolMetrics(reports: readonly PoolReport[]): MetricJson[] {
  const values = (valueOf: (member: MemberReport) => number): MetricJson['values'] =>
    reports.flatMap(({ group, members }) =>
      members.map((member) => ({ labels: { upstream: group, member: member.id }, value: valueOf(member) })),
    );
  const now = (name: string, help: string, valueOf: (member: MemberReport) => number) =>
    gauge({ name, help, aggregator: 'first' }, values(valueOf));
  const total = (name: string, help: string, valueOf: (member: MemberReport) => number): MetricJson => ({
    ...{ name, help, values: values(valueOf) },
    type: 'counter',
    aggregator: 'sum',
  });
  return [
    now('sluice_upstream_member_up', 'Does the member get traffic: 1, or 0.', ({ state }) =>
      state === 'up' || state === 'half-open' ? 1 : 0,
    ),
    now('sluice_upstream_member_in_flight', 'Attempts under way.', ({ inFlight }) => inFlight),
    total('sluice_upstream_member_failures_total', 'Attempts that failed.', ({ failures }) => failures),
    total('sluice_upstream_member_ejections_total', 'Times it was put out.', ({ ejections }) => ejections),
    total(
      'sluice_upstream_member_breaker_opens_total',
      'Times its circuit breaker opened.',
      ({ breakerOpens }) => breakerOpens,
    ),
  ];
}
