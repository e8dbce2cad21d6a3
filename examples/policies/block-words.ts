import { definePolicy, TextHold, Type } from 'sluice/policy';

/** Ends an answer before a word that must not leave, also where it comes in pieces. */
export default definePolicy({
  name: 'block-words',
  description: 'ends answers before words that must not leave',
  schema: Type.Object({
    words: Type.Array(Type.String({ minLength: 1 }), { minItems: 1, description: 'In any case.' }),
  }),
  reads: ['events'],
  writes: ['events'],
  state: ({ words }) => ({ hold: new TextHold(Math.max(...words.map((word) => word.length)) - 1) }),
  onEvent(event, call, { settings }) {
    const { hold } = call.state;
    if (event.type === 'block-stop') return [...hold.release(event), event];
    if (event.type !== 'text') return;
    const text = hold.take(event);
    const places = settings.words.map((word) => text.toLowerCase().indexOf(word.toLowerCase()));
    const first = Math.min(...places.filter((at) => at >= 0));
    if (first === Infinity) return hold.give(event, text);
    call.annotate('blocked', true);
    return [{ ...event, text: text.slice(0, first) }, call.cut()];
  },
  onEnd: (call) => call.state.hold.rest(),
});
