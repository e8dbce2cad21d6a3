import { ControlError, type EventControl } from '#core/contracts/control-plane.ts';
import type { Outbox, StoredLetter } from '#core/contracts/outbox.ts';
import type { EventDispatcher } from '#events/index.ts';
import type { MetricJson } from '#observe/series.ts';

/** What the operator may know of webhooks, and do for them. */
export function createEventControl(dispatcher: EventDispatcher, outbox: Outbox): EventControl {
  const letterOf = async (id: number): Promise<StoredLetter> => {
    const [letter] = await outbox.letters({ id }, 1);
    if (!letter) throw new ControlError(404, `There is no dead letter ${id}.`);
    return letter;
  };
  return {
    async webhooks() {
      const [end, states] = await Promise.all([outbox.end(), outbox.states()]);
      return dispatcher.reports().map((report) => {
        const state = states.find(({ webhook }) => webhook === report.webhook);
        return {
          ...report,
          stopped: state?.stopped ?? null,
          // As many entries of the books, of which it may want only some.
          behind: state ? end - Math.min(state.position, ...state.held.map(({ after }) => after)) : 0,
          held: state?.held.map(({ subject }) => subject) ?? [],
          deadLetters: state?.letters ?? 0,
        };
      });
    },
    async resume(webhook) {
      if (!(await outbox.stop(webhook, null)))
        throw new ControlError(404, `There is no webhook "${webhook}".`);
      dispatcher.wake(webhook);
    },
    async letters(webhook) {
      const letters = await outbox.letters(webhook === null ? {} : { webhook }, 1000);
      return letters.map(({ event, ...letter }) => ({ ...letter, event: JSON.parse(event) as unknown }));
    },
    async redeliver(id) {
      const letter = await letterOf(id);
      const result = await dispatcher.resend(letter);
      if (result === null) throw new ControlError(409, `There is no webhook "${letter.webhook}" any more.`);
      if (result.kind !== 'taken')
        throw new ControlError(
          503,
          `It was not taken: ${result.kind === 'gone' ? 'status 410' : result.reason}.`,
        );
      await outbox.takeLetter(id);
    },
    async discard(id) {
      await letterOf(id);
      await outbox.takeLetter(id);
    },
  };
}

export function webhookMetrics(dispatcher: EventDispatcher): MetricJson[] {
  return [
    {
      name: 'sluice_webhook_requests_total',
      help: 'Requests to webhooks that this node made, by what became of them.',
      type: 'counter',
      aggregator: 'sum',
      values: dispatcher.reports().flatMap(({ webhook, taken, failed }) => [
        { labels: { webhook, result: 'taken' }, value: taken },
        { labels: { webhook, result: 'failed' }, value: failed },
      ]),
    },
  ];
}
