import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { gauge, type MetricJson } from './series.ts';

const resolutionMs = 20;
const quantiles = [0.5, 0.9, 0.99];

/** How this thread itself fares: delays of its event loop and pauses for garbage collection. */
export class RuntimeMetrics {
  readonly #delay = monitorEventLoopDelay({ resolution: resolutionMs });
  readonly #gc: PerformanceObserver;
  #gcMs = 0;
  #longestGcMs = 0;

  constructor() {
    this.#delay.enable();
    this.#gc = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) {
        this.#gcMs += duration;
        if (duration > this.#longestGcMs) this.#longestGcMs = duration;
      }
    });
    this.#gc.observe({ entryTypes: ['gc'] });
  }

  /** The gauges tell of the time since the dump before. */
  dump(): MetricJson[] {
    // The histogram holds intervals between ticks of a timer; the delay is what they have in excess.
    const delay = (ns: number) => Math.max(0, ns / 1e9 - resolutionMs / 1000);
    const seen = this.#delay.count > 0;
    const delays = [
      ...quantiles.map((q) => ({
        labels: { quantile: String(q) },
        value: seen ? delay(this.#delay.percentile(q * 100)) : 0,
      })),
      { labels: { quantile: '1' }, value: seen ? delay(this.#delay.max) : 0 },
    ];
    const longest = this.#longestGcMs / 1000;
    this.#delay.reset();
    this.#longestGcMs = 0;
    return [
      gauge(
        {
          name: 'sluice_event_loop_delay_seconds',
          help: 'Delay of the event loop since the last scrape, of the worst thread.',
          aggregator: 'max',
        },
        delays,
      ),
      {
        name: 'sluice_gc_seconds_total',
        help: 'Time spent on garbage collection, over all threads.',
        type: 'counter',
        aggregator: 'sum',
        values: [{ labels: {}, value: this.#gcMs / 1000 }],
      },
      gauge(
        {
          name: 'sluice_gc_longest_pause_seconds',
          help: 'Longest garbage collection since the last scrape, of any thread.',
          aggregator: 'max',
        },
        [{ labels: {}, value: longest }],
      ),
    ];
  }

  close(): void {
    this.#delay.disable();
    this.#gc.disconnect();
  }
}
