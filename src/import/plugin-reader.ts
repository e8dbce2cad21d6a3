import { LinearPattern } from '#core/linear-pattern.ts';
import type { Fields } from './fields.ts';
import type { RouteParts } from './route-parts.ts';

/** Says of each key of a plugin's settings what becomes of it, and makes its part of the route. */
export type PluginReader<At extends { readonly parts: RouteParts }> = (fields: Fields, at: At) => void;

/** What is there in other ways, or is not there; with the reason, and what to do. */
export const without =
  (note: string) =>
  (fields: Fields): void =>
    fields.restNotCarried(note);

/** The same of one without which the route would let pass what it must not. */
export const guarding =
  (note: string) =>
  (fields: Fields, { parts }: { readonly parts: RouteParts }): void => {
    parts.unsafe ??= note;
    fields.restNotCarried(`${note}; the route answers 501 until it is put right`);
  };

/** Can it be held against texts in linear time? */
export function isPattern(pattern: string): boolean {
  try {
    new LinearPattern(pattern);
    return true;
  } catch {
    return false;
  }
}

export const isHeaderName = (name: string): boolean => /^[A-Za-z0-9-]+$/.test(name);
