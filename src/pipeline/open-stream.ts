import type { RenderContext } from '#core/contracts/dialect.ts';
import type { Framing } from '#core/contracts/framing.ts';
import type { AnswerStage } from '#core/contracts/policy.ts';
import type { Target } from '#core/target.ts';
import type { AnswerStream } from './answer-stream.ts';
import type { Continuation } from './continuation.ts';
import { streamType, type ModelCall } from './model-call.ts';
import { keepingReader } from './kept/note.ts';
import type { OutboundCall } from './outbound-call.ts';
import type { Passage } from './passage.ts';
import { ScanStream } from './scan-stream.ts';
import { TransformStream } from './transform-stream.ts';

export interface StreamParts {
  readonly target: Target;
  /** Of what the provider sends. */
  readonly framing: Framing;
  readonly context: RenderContext;
  readonly continuation: Continuation | null;
}

/** Chooses the stream's way through: bytes that are only scanned where possible, events where somebody must read. */
export function openStream(
  passage: Passage,
  call: ModelCall,
  outbound: OutboundCall,
  { target, framing, context, continuation }: StreamParts,
): AnswerStream {
  const stages = [...openStages(passage), ...(continuation ? [continuation.stage] : [])];
  const own = keepingReader(
    { passage, call, outbound, target },
    outbound.dialect.provider.eventReader(target),
  );
  const goesOn = continuation?.begun === true;
  const reader = goesOn ? continuation.reader(own) : own;
  const withoutUsage =
    outbound.same && !call.brief.wantsUsage && target.provider.quirks.asksUsage !== false
      ? (data: string) => outbound.dialect.provider.withoutUsage(data)
      : null;
  // One that did not come in the form it was asked for is rendered anew.
  const isAsAsked = streamType(call).startsWith(framing.mediaType);
  if (outbound.same && isAsAsked && stages.length === 0) return new ScanStream(reader, withoutUsage, framing);
  return new TransformStream({
    reader,
    client: call.dialect.client,
    framing,
    context,
    stages,
    sameDialect: outbound.same,
    provider: target.provider.name,
    withoutUsage,
    mayGoOn: continuation !== null,
    ...(goesOn ? { state: continuation.delivery!.stream.state } : {}),
  });
}

export function openStages(passage: Passage): AnswerStage[] {
  const stages: AnswerStage[] = [];
  for (const policy of passage.route.openAnswer) {
    const stage = policy.openAnswer!(passage.exchange);
    if (stage) stages.push(stage);
  }
  return stages;
}
