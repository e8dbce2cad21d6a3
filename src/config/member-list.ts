import { LineCounter, parseDocument } from 'yaml';
import { Check } from 'typebox/schema';
import type { UpstreamMember } from '#core/snapshot.ts';
import { explainMismatches, type JsonSchema } from './explain-mismatch.ts';
import { placesOf, yamlOptions } from './places.ts';
import { MemberListSchema } from './schema-parts.ts';
import type { Static } from 'typebox';

export type MemberEntries = Static<typeof MemberListSchema>;

/** Beyond this a list is a mistake. */
const maxMembers = 1000;
const maxShown = 5;

/** A server that is listed twice is one server with both shares. */
export function membersOf(entries: MemberEntries): UpstreamMember[] {
  const members = new Map<string, UpstreamMember>();
  for (const entry of entries) {
    const { url: written, weight = 1, priority = 0 } = typeof entry === 'string' ? { url: entry } : entry;
    const url = written.replace(/\/$/, '');
    const sameServer = members.get(url);
    members.set(url, { id: url, url, address: null, weight: weight + (sameServer?.weight ?? 0), priority });
  }
  return [...members.values()];
}

/** Reads a list of members, in YAML or JSON. @throws Error that says what was expected, what came and where. */
export function parseMemberList(text: string): UpstreamMember[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { ...yamlOptions, lineCounter: lines });
  const [broken] = [...document.errors, ...document.warnings];
  if (broken) throw new Error(`line ${lines.linePos(broken.pos[0]).line}: ${broken.message}`);
  const place = placesOf(document, lines);
  return checkMemberList(document.toJS({ maxAliasCount: 100 }), (path) => {
    const at = place(path);
    return `line ${at.line}${at.path === '' ? '' : `, ${at.path}`}: `;
  });
}

type Where = (path: readonly (string | number)[]) => string;

const jsonPath: Where = (path) =>
  path.length === 0
    ? ''
    : `${path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('')}: `;

/** @throws Error with what is wrong, at most five things. */
export function checkMemberList(value: unknown, where: Where = jsonPath): UpstreamMember[] {
  const schema = MemberListSchema as unknown as JsonSchema;
  if (!Check(schema as object, value)) {
    const wrong = explainMismatches(schema, value, value).map(({ path, message }) => where(path) + message);
    const more = wrong.length > maxShown ? [`and ${wrong.length - maxShown} more`] : [];
    const empty = JSON.stringify(value) === '[]';
    throw new Error(
      empty
        ? 'expected at least one member, got an empty list'
        : [...wrong.slice(0, maxShown), ...more].join('; '),
    );
  }
  const entries = value as MemberEntries;
  if (entries.length > maxMembers)
    throw new Error(`expected at most ${maxMembers} members, got ${entries.length}`);
  for (const [i, entry] of entries.entries()) {
    const url = typeof entry === 'string' ? entry : entry.url;
    if (!URL.canParse(url))
      throw new Error(`${where([i])}expected a URL with a host and a port that can be, got "${url}"`);
  }
  return membersOf(entries);
}
