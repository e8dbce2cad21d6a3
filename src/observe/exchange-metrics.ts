import type { TokenPace } from '#core/contracts/observer.ts';
import { missingFlags } from '#core/meter.ts';
import { totalCost, totalPrice } from '#core/price.ts';
import type { AttemptLine, Overdraft, Receipt } from '#core/receipt.ts';
import type { UsageLine } from '#core/usage.ts';
import { BoundedLabel } from './bounded-label.ts';
import { Counter, Histogram, NanoCounter, type HistogramCell, type MetricJson } from './series.ts';

const distinctNames = 500;
const longBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
const rateBounds = [1, 2.5, 5, 10, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000];
const gapBounds = [
  0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2, 5, 10, 30,
];
/** Nobody who reads along takes so long a silence for the model's way of writing. */
const stallMs = 2000;
const oddFlags: ReadonlySet<string> = new Set(missingFlags);
const tokenBounds = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1];

/**
 * What receipts say, as series. On the path of every exchange: no allocation beyond keys, no clock. Every label is
 * bounded; docs/metrics.md names them.
 */
export class ExchangeMetrics {
  readonly #projects = new BoundedLabel(distinctNames);
  readonly #models = new BoundedLabel(distinctNames);

  readonly #requests = new Counter('sluice_requests_total', 'Exchanges that have ended.', [
    'route',
    'dialect',
    'outcome',
    'status',
  ]);
  readonly #duration = new Histogram(
    {
      name: 'sluice_request_duration_seconds',
      help: 'From the first byte of the request to the receipt.',
      labels: ['route'],
    },
    longBounds,
  );
  readonly #upstreamDuration = new Histogram(
    {
      name: 'sluice_upstream_duration_seconds',
      help: 'One attempt, from its start to its last byte.',
      labels: ['provider'],
    },
    longBounds,
  );
  readonly #firstContent = new Histogram(
    {
      name: 'sluice_time_to_first_content_seconds',
      help: 'From the start of the answering attempt to the first content given to the client.',
      labels: ['provider', 'model'],
    },
    longBounds,
  );
  readonly #perToken = new Histogram(
    {
      name: 'sluice_time_per_output_token_seconds',
      help: 'Mean time between output tokens after the first, one observation for each streamed answer.',
      labels: ['provider', 'model'],
    },
    tokenBounds,
  );
  readonly #rate = new Histogram(
    {
      name: 'sluice_output_tokens_per_second',
      help: 'Output tokens after the first, by the time they took; one observation for each streamed answer.',
      labels: ['provider', 'model'],
    },
    rateBounds,
  );
  readonly #gaps = new Histogram(
    {
      name: 'sluice_token_gap_seconds',
      help: 'Between two pieces of content of a stream, as they came; those that came together are 0 apart.',
      labels: ['provider', 'model'],
    },
    gapBounds,
  );
  readonly #stalls = new Counter(
    'sluice_stream_stalls_total',
    'Silences of two seconds and more within streams.',
    ['provider', 'model'],
  );
  readonly #tokens = new Counter('sluice_tokens_total', 'Tokens used, in disjoint classes.', [
    'project',
    'provider',
    'model',
    'class',
  ]);
  readonly #cost = new NanoCounter(
    'sluice_cost_nano_total',
    'Cost in nano-units (10^-9) of the currency: integers, because money is never a float.',
    ['project', 'provider', 'model', 'currency'],
  );
  readonly #price = new NanoCounter(
    'sluice_price_nano_total',
    'What customers pay, in nano-units (10^-9) of the currency.',
    ['project', 'provider', 'model', 'currency'],
  );
  readonly #disagreements = new Counter(
    'sluice_cost_disagreements_total',
    'Attempts of which the provider itself says another cost than the price book.',
    ['provider', 'model'],
  );
  readonly #oddUsage = new Counter(
    'sluice_odd_usage_total',
    'Attempts whose usage was not said, or cannot be, by what was odd about it.',
    ['provider', 'model', 'flag'],
  );
  readonly #overdraftTokens = new Counter(
    'sluice_overdraft_tokens_total',
    'Tokens used of hard budgets beyond what was reserved.',
    ['provider', 'model'],
  );
  readonly #overdraftNano = new NanoCounter(
    'sluice_overdraft_nano_total',
    'Money used of hard budgets beyond what was reserved, in nano-units (10^-9) of the currency.',
    ['provider', 'model', 'currency'],
  );
  readonly #refusals = new Counter('sluice_limit_refusals_total', 'Exchanges refused by a limit.', [
    'route',
    'code',
  ]);
  readonly #attempts = new Counter('sluice_attempts_total', 'Attempts at a target, by how they ended.', [
    'provider',
    'model',
    'result',
  ]);
  readonly #retries = new Counter(
    'sluice_retries_total',
    'Attempts after the first of an exchange, by how the one before had ended.',
    ['reason'],
  );
  readonly #hedges = new Counter('sluice_hedges_total', 'Attempts beside one that was slow.');
  readonly #replayed = new Counter(
    'sluice_replayed_total',
    'Exchanges that were given the answer of an earlier one.',
    ['route'],
  );
  readonly #shed = new Counter('sluice_shed_total', 'Exchanges refused because the thread was behind.', [
    'route',
  ]);

  readonly #reports = new Counter(
    'sluice_validation_reports_total',
    'Requests and answers that are not as described, and went on.',
    ['route', 'side'],
  );

  /** Of a stream that has begun, so the model is known to exist. */
  paceOf(provider: string, model: string): TokenPace {
    const label = this.#models.of(model);
    const gaps = this.#gaps.at(provider, label);
    const stalls = this.#stalls.at(provider, label);
    return {
      came: (pieces, gapMs) => {
        gaps.observe(gapMs / 1000);
        if (pieces > 1) gaps.observeNone(pieces - 1);
        if (gapMs >= stallMs) stalls.value++;
      },
    };
  }

  record(receipt: Receipt): void {
    const { route, attempts } = receipt;
    this.#requests.at(route, receipt.dialect, receipt.outcome, statusClass(receipt.status)).value++;
    observe(this.#duration.at(route), seconds(receipt.admittedAtMs, receipt.settledAtMs), receipt);
    if (receipt.fault?.startsWith('limit/')) this.#refusals.at(route, receipt.fault).value++;
    else if (receipt.fault === 'gateway/overloaded') this.#shed.at(route).value++;
    if (receipt.replayOf !== undefined) this.#replayed.at(route).value++;
    if (receipt.notes) this.#recordReports(receipt.notes, route);
    if (attempts.length === 0) return;
    if (attempts.length > 1) this.#recordRetries(attempts);
    const project = this.#projects.of(receipt.subjects.project);
    for (let i = 0; i < attempts.length; i++) {
      const attempt = attempts[i]!;
      const model = this.#modelOf(attempt);
      this.#recordAttempt(attempt, project, model);
      // Only the last attempt can have answered.
      if (i === attempts.length - 1) {
        this.#recordPace(receipt, attempt, model);
        if (receipt.overdraft) this.#recordOverdraft(receipt.overdraft, attempt.provider, model);
      }
    }
  }

  #recordReports(notes: NonNullable<Receipt['notes']>, route: string): void {
    for (const side of ['request', 'response'])
      if (Object.hasOwn(notes, `validate.${side}`)) this.#reports.at(route, side).value++;
  }

  /** Several budgets over one call are overdrawn by the same tokens: of each unit the most counts. */
  #recordOverdraft(overdraft: readonly Overdraft[], provider: string, model: string): void {
    const most = new Map<string, number>();
    for (const { amount, currency = '' } of overdraft)
      most.set(currency, Math.max(amount, most.get(currency) ?? 0));
    for (const [currency, amount] of most) {
      if (currency === '') this.#overdraftTokens.at(provider, model).value += amount;
      else this.#overdraftNano.at(provider, model, currency).value += BigInt(amount);
    }
  }

  dump(): MetricJson[] {
    return [
      this.#requests.dump(),
      this.#duration.dump(),
      this.#upstreamDuration.dump(),
      this.#firstContent.dump(),
      this.#perToken.dump(),
      this.#rate.dump(),
      this.#gaps.dump(),
      this.#stalls.dump(),
      this.#tokens.dump(),
      this.#cost.dump(),
      this.#price.dump(),
      this.#disagreements.dump(),
      this.#oddUsage.dump(),
      this.#overdraftTokens.dump(),
      this.#overdraftNano.dump(),
      this.#refusals.dump(),
      this.#attempts.dump(),
      this.#retries.dump(),
      this.#hedges.dump(),
      this.#replayed.dump(),
      this.#shed.dump(),
      this.#reports.dump(),
    ];
  }

  /** An open provider takes any model name a client sends: one becomes a label only once it is known to exist. */
  #modelOf(attempt: AttemptLine): string {
    const exists = attempt.priceVersion !== null || (attempt.status >= 200 && attempt.status < 300);
    return attempt.model === '' ? '' : this.#models.of(attempt.model, exists);
  }

  #recordRetries(attempts: readonly AttemptLine[]): void {
    for (let i = 1; i < attempts.length; i++) {
      if (attempts[i]!.flags.includes('hedge')) this.#hedges.at().value++;
      else this.#retries.at(resultOf(attempts[i - 1]!)).value++;
    }
  }

  #recordAttempt(attempt: AttemptLine, project: string, model: string): void {
    const { provider } = attempt;
    this.#attempts.at(provider, model, resultOf(attempt)).value++;
    this.#upstreamDuration.at(provider).observe(seconds(attempt.startedAtMs, attempt.endedAtMs));
    for (const { line } of attempt.lines) {
      if (line.count > 0) this.#tokens.at(project, provider, model, classOf(line)).value += line.count;
    }
    const cost = totalCost(attempt);
    if (cost > 0n) this.#cost.at(project, provider, model, attempt.currency).value += cost;
    const currency = attempt.charge?.currency ?? attempt.currency;
    const price = totalPrice(attempt);
    if (price > 0n) this.#price.at(project, provider, model, currency).value += price;
    for (const flag of attempt.flags)
      if (oddFlags.has(flag)) this.#oddUsage.at(provider, model, flag).value++;
    if (attempt.flags.includes('cost-disagrees')) this.#disagreements.at(provider, model).value++;
  }

  #recordPace(receipt: Receipt, attempt: AttemptLine, model: string): void {
    const first = receipt.firstContentAtMs;
    if (first === null || attempt.model === '') return;
    observe(this.#firstContent.at(attempt.provider, model), seconds(attempt.startedAtMs, first), receipt);
    let output = 0;
    for (const { line } of attempt.lines) if (line.direction === 'output') output += line.count;
    // An answer in one piece has its first content at its end: it has no pace.
    if (output > 1 && attempt.endedAtMs > first) {
      const took = seconds(first, attempt.endedAtMs);
      observe(this.#perToken.at(attempt.provider, model), took / (output - 1), receipt);
      this.#rate.at(attempt.provider, model).observe((output - 1) / took);
    }
  }
}

export type TokenClass = 'input' | 'output' | 'cache_read' | 'cache_write' | 'reasoning';

/** Disjoint: the classes of a call sum to its total. */
export function classOf(line: UsageLine): TokenClass {
  if (line.direction === 'output') return line.kind === 'reasoning' ? 'reasoning' : 'output';
  if (line.cache === 'none') return 'input';
  return line.cache === 'read' ? 'cache_read' : 'cache_write';
}

function resultOf(attempt: AttemptLine): string {
  if (attempt.fault !== null) return attempt.fault;
  return attempt.status < 400 ? 'ok' : statusClass(attempt.status);
}

function statusClass(status: number): string {
  return status >= 100 && status < 600 ? `${Math.floor(status / 100)}xx` : 'none';
}

function observe(cell: HistogramCell, value: number, { traceId, settledAtMs }: Receipt): void {
  if (traceId === null) cell.observe(value);
  else cell.observeOf(value, { traceId, atMs: settledAtMs });
}

/** Wall clocks may be set back; a duration is never negative. */
const seconds = (fromMs: number, toMs: number) => Math.max(0, toMs - fromMs) / 1000;
