/** Case 14 of metering: a policy that reads answers ends one half way. What it had delivered is on the receipt. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { AnswerEvent } from '#core/answer.ts';
import type { Policy } from '#core/contracts/policy.ts';
import { everyDialect } from '../harness/every-dialect.ts';
import { startInProcess, type InProcessGateway } from '../harness/in-process-gateway.ts';
import { totals } from '../budgets/budget-gateway.ts';

const word = 'forbidden';
/** Lets nothing of the word through, nor anything after it. */
const policy: Policy = {
  name: 'test-guardrail',
  summary: 'cuts at a word',
  openAnswer: () => ({
    onEvent(event): readonly AnswerEvent[] {
      const at = event.type === 'delta' ? event.text.indexOf(word) : -1;
      if (event.type !== 'delta' || at < 0) return [event];
      const cut = { type: 'cut', reason: 'content-filter', outcome: 'guardrail_cut' } as const;
      return [{ ...event, text: event.text.slice(0, at) }, cut];
    },
    onEnd: () => [],
  }),
};

let gateway: InProcessGateway;
let simulator: NonNullable<Awaited<ReturnType<typeof everyDialect>>['simulator']>;
before(async () => {
  const options = await everyDialect();
  simulator = options.simulator!;
  gateway = await startInProcess({ ...options.config, log: { access: false }, policies: [] }, policy);
});
after(async () => {
  await gateway.stop();
  await simulator.close();
});

describe('14: what a guardrail cuts is paid for as far as it was made', () => {
  for (const stream of [true, false])
    test(stream ? 'streamed' : 'whole', async () => {
      const script = { text: `one two three four ${word} six seven`, paceMs: 5 };
      const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          ...{ model: 'o/sim', stream },
          messages: [{ role: 'user', content: `simulate:${JSON.stringify(script)}` }],
        }),
      });
      const text = await answer.text();
      assert.match(text, /"finish_reason":"content_filter"/);
      assert.ok(!text.includes(word) && !text.includes('seven'), text);
      const receipt = await gateway.receiptOf(answer.headers.get('x-sluice-exchange')!);
      assert.deepEqual([receipt.outcome, receipt.attempts.length], ['guardrail_cut', 1]);
      const { usageSource } = receipt.attempts[0]!;
      const { input, output } = totals(receipt);
      assert.ok(input > 0);
      // Of a stream what had come by then, the word as well; a whole answer has been made to its end when it is read.
      assert.deepEqual([usageSource, output], stream ? ['gateway_count', 5] : ['provider', 7]);
    });
});
