import type { Part } from '#core/call.ts';

/** How base64 of the kinds of pictures begins: nothing else says what they are. */
const beginnings: readonly (readonly [string, string])[] = [
  ['iVBORw0KGgo', 'image/png'],
  ['/9j/', 'image/jpeg'],
  ['R0lGOD', 'image/gif'],
  ['UklGR', 'image/webp'],
  ['Qk', 'image/bmp'],
];

export function imagePart(data: string): Part {
  const mediaType = beginnings.find(([beginning]) => data.startsWith(beginning))?.[1] ?? 'image/png';
  return { type: 'image', source: { kind: 'base64', mediaType, data } };
}

/** Tool calls have names here, and ids only of late: results are paired with what they most likely answer. */
export class PendingCalls {
  #open: { readonly id: string; readonly name: string }[] = [];
  #count = 0;

  /** The id of a call: its own, or one made of its place in the conversation. */
  ask(given: string | null, name: string): string {
    const id = given ?? `call_${this.#count}`;
    this.#count++;
    this.#open.push({ id, name });
    return id;
  }

  /** The call that a result answers: the one it names, the first of that name, or the first. */
  answer(id: string | null, name: string | null): string | null {
    if (id !== null) {
      this.#open = this.#open.filter((call) => call.id !== id);
      return id;
    }
    const at = name === null ? 0 : this.#open.findIndex((call) => call.name === name);
    const [call] = this.#open.splice(Math.max(0, at), 1);
    return call?.id ?? null;
  }
}
