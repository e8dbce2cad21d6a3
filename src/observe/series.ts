/** A trace that stands for the others of its bucket. */
export interface Exemplar {
  readonly traceId: string;
  readonly value: number;
  readonly atMs: number;
}

/** One family, as one thread has counted it. */
export interface MetricJson {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** How the values of several threads become one. */
  readonly aggregator: 'sum' | 'max' | 'first';
  readonly values: readonly {
    readonly value: number;
    readonly labels: Record<string, string | number>;
    readonly metricName?: string;
    /** Of buckets. */
    readonly exemplar?: Exemplar | undefined;
  }[];
}

/** What one thread has counted. Plain data: it is sent between threads. */
export type MetricsDump = readonly MetricJson[];

type Labels = Record<string, string>;

// Label values cannot hold it: names come from the configuration or are header-safe.
const separator = '\u0000';

/** Cells by their label values; a cell is made on first use. */
class Family<Cell> {
  readonly name: string;
  protected readonly help: string;
  readonly #labels: readonly string[];
  readonly #make: () => Cell;
  readonly #cells = new Map<string, { readonly labels: Labels; readonly cell: Cell }>();

  constructor(head: { name: string; help: string; labels: readonly string[] }, make: () => Cell) {
    this.name = head.name;
    this.help = head.help;
    this.#labels = head.labels;
    this.#make = make;
  }

  /** The cell of these label values, in the order the labels were declared. */
  at(...values: readonly string[]): Cell {
    const key = values.length === 1 ? values[0]! : values.join(separator);
    let entry = this.#cells.get(key);
    if (!entry) {
      const labels = Object.fromEntries(this.#labels.map((label, i) => [label, values[i] ?? '']));
      this.#cells.set(key, (entry = { labels, cell: this.#make() }));
    }
    return entry.cell;
  }

  protected entries(): Iterable<{ readonly labels: Labels; readonly cell: Cell }> {
    return this.#cells.values();
  }
}

export interface CounterCell {
  value: number;
}

export class Counter extends Family<CounterCell> {
  constructor(name: string, help: string, labels: readonly string[] = []) {
    super({ name, help, labels }, () => ({ value: 0 }));
  }

  dump(): MetricJson {
    const values = Array.from(this.entries(), ({ labels, cell }) => ({ labels, value: cell.value }));
    return { name: this.name, help: this.help, type: 'counter', aggregator: 'sum', values };
  }
}

/** Money is added up as an integer; a float appears only in the exposition, which knows nothing else. */
export class NanoCounter extends Family<{ value: bigint }> {
  constructor(name: string, help: string, labels: readonly string[]) {
    super({ name, help, labels }, () => ({ value: 0n }));
  }

  dump(): MetricJson {
    const values = Array.from(this.entries(), ({ labels, cell }) => ({ labels, value: Number(cell.value) }));
    return { name: this.name, help: this.help, type: 'counter', aggregator: 'sum', values };
  }
}

export class HistogramCell {
  readonly #bounds: readonly number[];
  /** Not cumulative; the last one is beyond all bounds. */
  readonly counts: Float64Array;
  sum = 0;
  /** By bucket, the latest; null: nobody has named a trace. */
  exemplars: (Exemplar | undefined)[] | null = null;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** @returns Which bucket took it. */
  observe(value: number): number {
    let i = 0;
    while (i < this.#bounds.length && value > this.#bounds[i]!) i++;
    this.counts[i]!++;
    this.sum += value;
    return i;
  }

  observeOf(value: number, { traceId, atMs }: { readonly traceId: string; readonly atMs: number }): void {
    (this.exemplars ??= [])[this.observe(value)] = { traceId, value, atMs };
  }

  /** So many more that were nothing, or next to it. */
  observeNone(times: number): void {
    this.counts[0]! += times;
  }
}

export class Histogram extends Family<HistogramCell> {
  readonly #bounds: readonly number[];

  constructor(head: { name: string; help: string; labels: readonly string[] }, bounds: readonly number[]) {
    super(head, () => new HistogramCell(bounds));
    this.#bounds = bounds;
  }

  dump(): MetricJson {
    const values: MetricJson['values'][number][] = [];
    for (const { labels, cell } of this.entries()) {
      let count = 0;
      cell.counts.forEach((inBucket, i) => {
        count += inBucket;
        const le = i < this.#bounds.length ? String(this.#bounds[i]) : '+Inf';
        const exemplar = cell.exemplars?.[i];
        values.push({
          metricName: `${this.name}_bucket`,
          labels: { ...labels, le },
          value: count,
          ...(exemplar && { exemplar }),
        });
      });
      values.push({ metricName: `${this.name}_sum`, labels, value: cell.sum });
      values.push({ metricName: `${this.name}_count`, labels, value: count });
    }
    return { name: this.name, help: this.help, type: 'histogram', aggregator: 'sum', values };
  }
}

/** A gauge read at the moment of the dump. */
export function gauge(
  head: { name: string; help: string; aggregator: MetricJson['aggregator'] },
  values: MetricJson['values'],
): MetricJson {
  return { ...head, type: 'gauge', values };
}
