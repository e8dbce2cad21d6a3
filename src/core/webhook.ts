import type { HeaderList } from './head.ts';
import type { ClientTls } from './target.ts';

/** Where events go out to, and whence they say they come. */
export interface EventPlan {
  /** `source` of every event (CloudEvents): a URI reference. */
  readonly source: string;
  readonly webhooks: readonly WebhookPlan[];
}

/** One subscription. */
export interface WebhookPlan {
  /** What is delivered to it is remembered under this name. */
  readonly name: string;
  readonly url: string;
  /** Types without their `sluice.`, and `*` patterns; null: all. */
  readonly types: readonly string[] | null;
  /** Keys in base64, the current one first: each signs. At least one. */
  readonly secrets: readonly string[];
  /** Events in one request; 1: each by itself. */
  readonly batch: number;
  readonly headers: HeaderList;
  /** Of one request. */
  readonly timeoutMs: number;
  /** How long an event is tried before it becomes a dead letter. */
  readonly giveUpMs: number;
  readonly tls: ClientTls | null;
}
