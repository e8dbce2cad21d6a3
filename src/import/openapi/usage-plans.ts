import { isObject } from '#core/read-json.ts';
import { readMapping } from '../read-source.ts';
import type { ReportBuilder } from '../report.ts';

type PolicyEntry = Record<string, unknown>;

const periods: Readonly<Record<string, string>> = { DAY: 'day', WEEK: 'week', MONTH: 'month' };

/** Plans as `get-usage-plans` of AWS gives them. Whoever is in the group of a plan is throttled by it. */
export function importUsagePlans(text: string, report: ReportBuilder): PolicyEntry[] {
  const document = readMapping({ file: 'usage plans', text });
  const items = Array.isArray(document['items']) ? (document['items'] as unknown[]) : [];
  const groups: string[] = [];
  const limits: PolicyEntry[] = [];
  for (const [i, plan] of items.entries()) {
    const at = ['usage-plans', 'items', i];
    if (!isObject(plan)) {
      report.notCarried(at, 'is no plan');
      continue;
    }
    const group = `plan-${String(plan['name'] ?? plan['id'] ?? i)
      .toLowerCase()
      .replace(/[^a-z0-9._-]+/g, '-')
      .slice(0, 50)}`;
    groups.push(group);
    report.carried(at, `the group ${group}: put consumers in it whose keys are of this plan`);
    const requests = [...throttleOf(plan['throttle']), ...quotaOf(plan['quota'], at, report)];
    if (requests.length > 0)
      limits.push({ 'rate-limit': { by: 'consumer', requests }, when: `"${group}" in consumer.groups` });
    const stages = Array.isArray(plan['apiStages']) ? (plan['apiStages'] as unknown[]) : [];
    for (const [n, stage] of stages.entries())
      if (isObject(stage) && isObject(stage['throttle']))
        report.notCarried(
          [...at, 'apiStages', n, 'throttle'],
          'limits of single operations: add a rate-limit to their routes',
        );
  }
  if (groups.length === 0) return [];
  return [{ access: { allow: { groups } } }, ...limits];
}

function throttleOf(throttle: unknown): string[] {
  if (!isObject(throttle)) return [];
  const { rateLimit, burstLimit } = throttle;
  if (typeof rateLimit !== 'number' || !(rateLimit > 0)) return [];
  // Less than one a second is so many in a minute.
  const rate = Number.isInteger(rateLimit)
    ? `${rateLimit}/s`
    : `${Math.max(1, Math.round(rateLimit * 60))}/min`;
  return [
    typeof burstLimit === 'number' && burstLimit > 0 ? `${rate} burst ${Math.floor(burstLimit)}` : rate,
  ];
}

function quotaOf(quota: unknown, at: readonly (string | number)[], report: ReportBuilder): string[] {
  if (!isObject(quota)) return [];
  const { limit, period, offset } = quota;
  const unit = typeof period === 'string' ? periods[period] : undefined;
  if (typeof limit !== 'number' || !(limit > 0) || unit === undefined) {
    report.notCarried([...at, 'quota'], 'expected a limit for DAY, WEEK or MONTH');
    return [];
  }
  if (typeof offset === 'number' && offset > 0)
    report.differs([...at, 'quota', 'offset'], 'what is taken off the first period only; it is not');
  return [`${Math.floor(limit)} per ${unit}`];
}
