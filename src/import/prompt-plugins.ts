import type { Piece } from './draft.ts';
import type { Fields } from './fields.ts';
import { guarding, isPattern } from './plugin-reader.ts';
import { place, type RouteParts } from './route-parts.ts';

/** What both products call alike, and write nearly alike. */
export interface GuardWords {
  /** Is the newest message alone read, where the settings do not say it? */
  readonly readsLast: (fields: Fields) => boolean;
}

/** Patterns that a prompt must, or must not, have. */
export const promptGuard =
  ({ readsLast }: GuardWords) =>
  (fields: Fields, at: { readonly parts: RouteParts }): void => {
    const allow = fields.texts('allow_patterns');
    const deny = fields.texts('deny_patterns');
    const isOfAll = fields.flag('match_all_roles') === true;
    const messages = readsLast(fields) ? 'last' : 'all';
    if (![...(allow ?? []), ...(deny ?? [])].every(isPattern))
      return guarding('a pattern cannot be held against prompts in linear time')(fields, at);
    if (!allow?.length && !deny?.length) return fields.restNotCarried('it has no patterns');
    for (const key of ['max_request_body_size', 'genai_category', 'llm_format'])
      if (fields.has(key)) fields.differs(key, 'every dialect is read; bodies are bounded by bodyLimit');
    at.parts.policy(place.prompt, 'prompt-guard', {
      ...(allow?.length ? { allow } : {}),
      ...(deny?.length ? { deny } : {}),
      ...(isOfAll ? {} : { roles: ['user'] }),
      messages,
      caseSensitive: true,
    });
    fields.close('prompt-guard');
  };

/** Messages before and after those of the caller; `lists` is where they stand. */
export function promptDecorate(lists: Fields, parts: RouteParts): void {
  const settings: Piece = {};
  for (const side of ['prepend', 'append'] as const) {
    const messages = lists.each(side).flatMap((each) => {
      const role = each.text('role') ?? 'system';
      const content = each.text('content');
      const isKnown = ['system', 'user', 'assistant'].includes(role);
      each.close('prompt-decorate');
      // It would be a template here.
      const isPlain = content !== undefined && content.length <= 65_536 && !/\{\{|\{%/.test(content);
      if (!isKnown || !isPlain) each.notCarried('content', 'expected a role and a plain text');
      return isKnown && isPlain ? [{ role, content }] : [];
    });
    if (messages.length > 0) settings[side] = messages;
  }
  if (Object.keys(settings).length > 0) parts.policy(place.prompt, 'prompt-decorate', settings);
  lists.close('prompt-decorate');
}
