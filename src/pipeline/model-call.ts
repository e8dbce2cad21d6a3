import type { CallBrief, Conversation, JsonObject } from '#core/call.ts';
import type { CallLine, Dialect } from '#core/contracts/dialect.ts';
import type { Form } from '#core/form.ts';
import type { FieldSpan } from '#core/json.ts';
import type { ResolvedModel } from '#core/snapshot.ts';

/** A model call as it came, understood as far as was needed. */
export interface ModelCall {
  readonly dialect: Dialect;
  readonly line: CallLine;
  readonly brief: CallBrief;
  readonly model: ResolvedModel;
  readonly bytes: Buffer;
  readonly json: JsonObject;
  readonly fields: readonly FieldSpan[];
  /** Where the body is a form: `json` is what its fields say. */
  readonly form: Form | null;
  /** Name of the provider that holds what the call names; null: it names nothing. */
  readonly holder: string | null;
  /** Where policies have changed the call: what `json` says. */
  readonly came?: Conversation;
  /** The whole call in neutral words; parsed at first use. @throws Fault */
  conversation(): Conversation;
}

/** `content-type` of a stream to the client. */
export const streamType = ({ dialect, line }: Pick<ModelCall, 'dialect' | 'line'>): string =>
  dialect.client.streamType?.(line) ?? 'text/event-stream; charset=utf-8';
