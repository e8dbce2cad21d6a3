import assert from 'node:assert/strict';

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * A strict reader of the Prometheus text format: HELP and TYPE once and before their samples, families in one piece,
 * no series twice, buckets cumulative and ending in +Inf, which is the count.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function parseExposition(text: string): { samples: Sample[]; types: Map<string, string> } {
  assert.ok(text.endsWith('\n'), 'the last line must end');
  const types = new Map<string, string>();
  const helps = new Set<string>();
  const series = new Set<string>();
  const samples: Sample[] = [];
  let family = '';
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (comment) {
      const [, kind, name, rest] = comment;
      if (kind === 'HELP') {
        assert.ok(!helps.has(name!), `HELP of ${name} twice`);
        helps.add(name!);
        family = name!;
      } else {
        assert.equal(name, family, 'TYPE follows the HELP of its family');
        assert.ok(!types.has(name!), `TYPE of ${name} twice`);
        types.set(name!, rest!);
      }
      continue;
    }
    const sample = parseSample(line);
    const base =
      types.get(family) === 'histogram' ? sample.name.replace(/_(bucket|sum|count)$/, '') : sample.name;
    assert.equal(base, family, `${line}: not within its family`);
    const id = `${sample.name}${JSON.stringify(Object.entries(sample.labels).sort())}`;
    assert.ok(!series.has(id), `${id} twice`);
    series.add(id);
    if (types.get(family) === 'counter') assert.match(sample.name, /_total$/);
    samples.push(sample);
  }
  for (const [name, type] of types) if (type === 'histogram') checkHistogram(name, samples);
  return { samples, types };
}

function parseSample(line: string): Sample {
  const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
  assert.ok(match, `not a sample: ${line}`);
  const labels: Record<string, string> = {};
  let rest = match[2] ?? '';
  while (rest !== '') {
    const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/.exec(rest);
    assert.ok(label, `not a label: ${rest}`);
    assert.ok(!(label[1]! in labels), `label ${label[1]} twice`);
    labels[label[1]!] = label[2]!.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
    rest = rest.slice(label[0].length);
  }
  const value = match[3] === '+Inf' ? Infinity : Number(match[3]);
  assert.ok(!Number.isNaN(value), `not a number: ${line}`);
  return { name: match[1]!, labels, value };
}

function checkHistogram(name: string, samples: readonly Sample[]): void {
  const groups = Map.groupBy(
    samples.filter((sample) => sample.name === `${name}_bucket`),
    ({ labels: { le: _le, ...others } }) => JSON.stringify(others),
  );
  for (const [labels, buckets] of groups) {
    let below = -Infinity;
    let bound = -Infinity;
    for (const bucket of buckets) {
      const le = bucket.labels.le === '+Inf' ? Infinity : Number(bucket.labels.le);
      assert.ok(le > bound && bucket.value >= below, `${name}${labels}: buckets out of order`);
      bound = le;
      below = bucket.value;
    }
    assert.equal(bound, Infinity, `${name}${labels}: no +Inf bucket`);
    const count = samples.find((s) => s.name === `${name}_count` && JSON.stringify(s.labels) === labels);
    assert.equal(count?.value, below, `${name}${labels}: count is not the last bucket`);
  }
}
