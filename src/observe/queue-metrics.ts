import { gauge, Histogram, type MetricJson } from './series.ts';

const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

/** Calls that wait for room: how many, and for how long. */
export class QueueMetrics {
  readonly #waiting = new Map<string, number>();
  readonly #waits = new Histogram(
    {
      name: 'sluice_queue_wait_seconds',
      help: 'How long calls waited for a limit, by whether they were let through in the end.',
      labels: ['route', 'result'],
    },
    bounds,
  );

  entered(route: string): void {
    this.#waiting.set(route, (this.#waiting.get(route) ?? 0) + 1);
  }

  left(route: string, waitedMs: number, isAdmitted: boolean): void {
    this.#waiting.set(route, this.#waiting.get(route)! - 1);
    this.#waits.at(route, isAdmitted ? 'admitted' : 'left').observe(waitedMs / 1000);
  }

  dump(): MetricJson[] {
    const values = [...this.#waiting].map(([route, value]) => ({ labels: { route }, value }));
    return [
      gauge({ name: 'sluice_queue_depth', help: 'Calls that wait for a limit.', aggregator: 'sum' }, values),
      this.#waits.dump(),
    ];
  }
}
