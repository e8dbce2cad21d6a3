import type { Exemplar, MetricJson, MetricsDump } from './series.ts';

/** Text formats of Prometheus: its own (0.0.4), and OpenMetrics (1.0), which alone has room for exemplars. */
export type ExpositionFormat = 'prometheus' | 'openmetrics';

type Sample = { -readonly [K in keyof MetricJson['values'][number]]: MetricJson['values'][number][K] };

interface MergedFamily {
  readonly head: Pick<MetricJson, 'name' | 'help' | 'type' | 'aggregator'>;
  readonly samples: Map<string, Sample>;
}

/**
 * What several threads have counted, as one text.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 * https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
 */
export function renderExposition(dumps: readonly MetricsDump[], format: ExpositionFormat): string {
  let text = '';
  for (const { head, samples } of mergeDumps(dumps)) {
    const { name, help, type } = head;
    const family = format === 'openmetrics' && type === 'counter' ? name.replace(/_total$/, '') : name;
    text += `# HELP ${family} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${family} ${type}\n`;
    for (const sample of samples.values()) text += renderSample(name, sample, format);
  }
  return format === 'openmetrics' ? `${text}# EOF\n` : text;
}

/** Families in the order in which they first come, each once. */
export function mergeDumps(dumps: readonly MetricsDump[]): MergedFamily[] {
  const families = new Map<string, MergedFamily>();
  for (const dump of dumps) {
    for (const metric of dump) {
      let family = families.get(metric.name);
      if (!family) families.set(metric.name, (family = { head: metric, samples: new Map() }));
      for (const sample of metric.values) add(family, sample);
    }
  }
  return [...families.values()];
}

function add({ head, samples }: MergedFamily, sample: Sample): void {
  const key = `${sample.metricName ?? ''}${JSON.stringify(sample.labels)}`;
  const known = samples.get(key);
  if (!known) {
    samples.set(key, { ...sample });
    return;
  }
  if (head.aggregator === 'sum') known.value += sample.value;
  else if (head.aggregator === 'max') known.value = Math.max(known.value, sample.value);
  const { exemplar } = sample;
  if (exemplar && (!known.exemplar || known.exemplar.atMs < exemplar.atMs)) known.exemplar = exemplar;
}

function renderSample(name: string, sample: Sample, format: ExpositionFormat): string {
  const labels = Object.entries(sample.labels).map(
    ([label, value]) => `${label}="${escapeLabel(labelValue(label, value, format))}"`,
  );
  const series = `${sample.metricName ?? name}${labels.length > 0 ? `{${labels.join(',')}}` : ''}`;
  const exemplar = format === 'openmetrics' && sample.exemplar ? renderExemplar(sample.exemplar) : '';
  return `${series} ${renderNumber(sample.value)}${exemplar}\n`;
}

/** OpenMetrics wants bounds in one spelling: a whole one as `1.0`. */
function labelValue(label: string, value: string | number, format: ExpositionFormat): string {
  const text = String(value);
  return format === 'openmetrics' && label === 'le' && /^\d+$/.test(text) ? `${text}.0` : text;
}

const renderExemplar = ({ traceId, value, atMs }: Exemplar): string =>
  ` # {trace_id="${traceId}"} ${renderNumber(value)} ${(atMs / 1000).toFixed(3)}`;

const escapeLabel = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

function renderNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
}

const openMetricsType = 'application/openmetrics-text';

/** As the scraper prefers (RFC 9110 §12.5.1); without a word for it the older one. */
export function formatWanted(accept: string | undefined): ExpositionFormat {
  const weightOf = (type: string): number => {
    let best = 0;
    for (const part of (accept ?? '').toLowerCase().split(',')) {
      const [range, ...parameters] = part.split(';').map((word) => word.trim());
      if (range !== type) continue;
      const weight = parameters.find((each) => each.startsWith('q='));
      best = Math.max(best, weight ? Number(weight.slice(2)) || 0 : 1);
    }
    return best;
  };
  const wanted = weightOf(openMetricsType);
  return wanted > 0 && wanted >= weightOf('text/plain') ? 'openmetrics' : 'prometheus';
}

export const contentTypeOf = (format: ExpositionFormat): string =>
  format === 'openmetrics'
    ? `${openMetricsType}; version=1.0.0; charset=utf-8`
    : 'text/plain; version=0.0.4; charset=utf-8';
