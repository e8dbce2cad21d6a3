import type { JsonObject } from '#core/call.ts';
import type { Consumer } from '#core/consumer.ts';
import type { PolicyServices } from '#core/contracts/policy.ts';
import { unknownBearer } from './challenge.ts';
import { claimAt, textsOf, wordsOf } from './claims.ts';
import type { BearerSettings } from './schema-issuer.ts';

/** Whom verified claims stand for. @throws Fault `auth/unknown-consumer`: nobody that the configuration knows. */
export type MapBearer = (claims: JsonObject) => Consumer;

type Directories = Pick<PolicyServices, 'consumers' | 'teamOf'>;

/** OpenID Connect Core §2: a subject has no more characters. */
const maxSubject = 255;

/**
 * Claims choose among what the configuration knows, and name groups and models where it says so; nothing else of a token grants
 * anything.
 * @throws Error for settings that name nobody.
 */
export function createMapBearer(
  settings: BearerSettings,
  issuer: string,
  directories: Directories,
): MapBearer {
  const subjectOf = (claims: JsonObject) => {
    // RFC 9068 §2.2: of a token that stands for no user, the client is the subject; some issuers say that alone.
    const names = settings.subject === undefined ? ['sub', 'client_id'] : [settings.subject];
    const name = names.find((each) => claimAt(claims, each) !== undefined) ?? names[0]!;
    const [subject, ...others] = textsOf(claimAt(claims, name));
    if (subject === undefined || others.length > 0 || subject.length > maxSubject)
      throw unknownBearer(`The token does not say who its bearer is (${name}).`);
    return subject;
  };
  const idOf = (claims: JsonObject) => `subject:${issuer}#${subjectOf(claims)}`;
  return settings.consumer === undefined
    ? ofProject(settings, { idOf, subjectOf, directories })
    : ofConsumer(settings, settings.consumer, { idOf, directories });
}

interface Parts {
  readonly idOf: (claims: JsonObject) => string;
  readonly directories: Directories;
}

function ofConsumer(
  settings: BearerSettings,
  consumer: NonNullable<BearerSettings['consumer']>,
  { idOf, directories: { consumers } }: Parts,
): MapBearer {
  for (const name of ['project', 'groups', 'models', 'name'] as const)
    if (settings[name] !== undefined)
      throw new Error(`"${name}" is said by the consumer; leave it out beside "consumer"`);
  if (typeof consumer === 'string' && !consumers.find(consumer))
    throw new Error(`there is no consumer "${consumer}"`);
  return (claims) => {
    const name = typeof consumer === 'string' ? consumer : oneOf(claims, consumer.claim);
    const known = name === null ? undefined : consumers.find(name);
    if (!known) throw unknownBearer('The token is valid, but its bearer is no consumer of this gateway.');
    return { ...known, id: idOf(claims) };
  };
}

function ofProject(
  { project, name, groups, models }: BearerSettings,
  { idOf, subjectOf, directories: { teamOf } }: Parts & { subjectOf: (claims: JsonObject) => string },
): MapBearer {
  if (project === undefined)
    throw new Error('expected "consumer" or "project", which say whom tokens stand for');
  if (typeof project === 'string' && teamOf(project) === undefined)
    throw new Error(`there is no project "${project}"`);
  return (claims) => {
    const named = typeof project === 'string' ? project : oneOf(claims, project.claim);
    const team = named === null ? undefined : teamOf(named);
    if (named === null || team === undefined)
      throw unknownBearer('The token is valid, but its project is none of this gateway.');
    const called = name === undefined ? null : oneOf(claims, name);
    return {
      id: idOf(claims),
      name: called ?? subjectOf(claims),
      project: named,
      team,
      groups: listOf(claims, groups) ?? [],
      models: listOf(claims, models),
    };
  };
}

/** A claim with one value; null: it has none, or several. */
function oneOf(claims: JsonObject, name: string): string | null {
  const values = textsOf(claimAt(claims, name));
  return values.length === 1 ? values[0]! : null;
}

/** A claim that is not there lists nothing. */
const listOf = (claims: JsonObject, from: BearerSettings['groups']): readonly string[] | null =>
  from === undefined ? null : 'claim' in from ? wordsOf(claimAt(claims, from.claim)) : from;
