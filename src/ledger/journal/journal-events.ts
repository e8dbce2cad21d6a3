import type { EventRecord, Events } from '#core/contracts/events.ts';
import type { Journal } from '#core/contracts/journal.ts';

/** Events by way of a journal; `onError` is told of those that could not be written. */
export function journalEvents(journal: Journal, onError: (event: EventRecord, error: Error) => void): Events {
  return {
    emit(event) {
      journal.event(event, (error) => {
        if (error) onError(event, error);
      });
    },
  };
}
