import type { Draft, Piece } from './draft.ts';
import { legalName } from './draft.ts';
import type { ReportBuilder } from './report.ts';

/** Where a model is, in the words of the other product. */
export interface Deployment {
  /** Names pieces of it. */
  readonly name: string;
  /** Record of the catalogue; null: a server of its own that speaks `openai-chat`. */
  readonly kind: string | null;
  /** Null: the catalogue's. */
  readonly baseUrl: string | null;
  /** As it is written there; null: none. */
  readonly key: string | null;
  /** For the report: where the key stood. */
  readonly keyOf: string;
  readonly more?: Piece;
}

/** A reference to an environment variable stays one; whatever else is a secret is asked for by a variable. */
export function secretOf(
  report: ReportBuilder,
  value: string,
  of: { readonly variable: string; readonly purpose: string },
): string {
  const own =
    /^(?:os\.environ\/|\$(?:env|ENV):\/\/|\{vault:\/\/env\/|\$\{\{?\s*)([A-Za-z_][A-Za-z0-9_]*)/.exec(value);
  if (!own) return report.secret(of.variable, of.purpose);
  return report.secret(own[1]!, of.purpose);
}

/** A provider for it; two that are alike are one. Returns its name. */
export function providerFor(draft: Draft, known: Map<string, string>, deployment: Deployment): string {
  const { name, kind, baseUrl, key, keyOf, more = {} } = deployment;
  const id = JSON.stringify([kind, baseUrl, key, more]);
  const before = known.get(id);
  if (before !== undefined) return before;
  const provider: Piece = {
    ...(kind === null ? { dialect: 'openai-chat' } : {}),
    ...(baseUrl === null ? {} : { baseUrl }),
    ...(key === null
      ? {}
      : { apiKey: secretOf(draft.report, key, { variable: `${legalName(name)}_API_KEY`, purpose: keyOf }) }),
    prefixes: [],
    ...more,
  };
  const own = draft.name('providers', name);
  if (kind !== null && own !== kind) provider['kind'] = kind;
  draft.set('providers', own, provider);
  known.set(id, own);
  return own;
}

/** As sluice.yaml takes the address of a provider; null where it is none. */
export function baseUrlOf(url: string): string | null {
  const bare = url.replace(/\/+$/, '').replace(/\/(chat\/completions|completions|embeddings|messages)$/, '');
  return /^https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/.test(bare) ? bare : null;
}

/** Names of models as sluice.yaml takes them. */
export const isModelName = (name: string): boolean => /^[A-Za-z0-9][^\s*]{0,127}$/.test(name);
export const isTargetName = (name: string): boolean => /^\S+$/.test(name) && name.length < 200;
