import { chainFolder } from '#audit/places.ts';
import { SinkFollower } from '#audit/sink-follower.ts';
import type { AuditSinkRules } from '#core/contracts/audit.ts';
import type { Upstream } from '#core/contracts/upstream.ts';
import type { MetricJson } from '#observe/series.ts';
import { postTo } from './post-to.ts';

/** The other places that get the audit log's records, as the configuration names them. */
export class AuditSinks {
  readonly #stateDirectory: string;
  readonly #upstream: Upstream;
  #followers: { readonly rules: AuditSinkRules; readonly follower: SinkFollower }[] = [];

  constructor(stateDirectory: string, upstream: Upstream) {
    this.#stateDirectory = stateDirectory;
    this.#upstream = upstream;
  }

  /** Those that are as they were go on. */
  follow(sinks: readonly AuditSinkRules[]): void {
    const same = (a: AuditSinkRules, b: AuditSinkRules) => JSON.stringify(a) === JSON.stringify(b);
    const before = this.#followers;
    this.#followers = sinks.map((rules) => {
      const known = before.find((each) => same(each.rules, rules));
      if (known) return known;
      const follower = new SinkFollower({
        folder: chainFolder(this.#stateDirectory),
        stateDirectory: this.#stateDirectory,
        rules,
        post: (lines) => postLines(this.#upstream, rules, lines),
      });
      follower.start();
      return { rules, follower };
    });
    for (const each of before) if (!this.#followers.includes(each)) each.follower.close();
  }

  metrics(): MetricJson[] {
    const family = (name: string, help: string, valueOf: (follower: SinkFollower) => number): MetricJson => ({
      ...{ name, help, type: 'counter', aggregator: 'sum' },
      values: this.#followers.map(({ follower }) => ({
        labels: { sink: follower.name },
        value: valueOf(follower),
      })),
    });
    return [
      family('sluice_audit_sink_sent_total', 'Audit records that a sink has taken.', ({ sent }) => sent),
      family(
        'sluice_audit_sink_failures_total',
        'Requests that a sink did not take.',
        ({ failed }) => failed,
      ),
      family(
        'sluice_audit_sink_dropped_total',
        'Audit records that a sink missed, since it was too far behind.',
        ({ dropped }) => dropped,
      ),
    ];
  }

  close(): void {
    for (const { follower } of this.#followers) follower.close();
    this.#followers = [];
  }
}

/** Null: taken. */
async function postLines(
  upstream: Upstream,
  { url, headers, timeoutMs }: AuditSinkRules,
  body: Buffer,
): Promise<string | null> {
  const letter = { url, headers: ['content-type', 'application/x-ndjson', ...headers], body, timeoutMs };
  const { status, fault } = await postTo(upstream, letter);
  return fault ?? (status >= 200 && status < 300 ? null : `status ${status}`);
}
