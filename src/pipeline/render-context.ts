import type { RenderContext } from '#core/contracts/dialect.ts';
import type { ModelCall } from './model-call.ts';
import type { Passage } from './passage.ts';

/** What an answer to the call is rendered with. */
export const renderContext = ({ exchange, gateway }: Passage, call: ModelCall): RenderContext => ({
  model: call.brief.model,
  exchangeId: exchange.id,
  nowS: Math.floor(gateway.clock.nowMs() / 1000),
  wantsUsage: call.brief.wantsUsage,
  line: call.line,
  body: call.json,
});
