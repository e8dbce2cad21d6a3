import type { Policy, PolicyKind } from '#core/contracts/policy.ts';
import { Fault } from '#core/fault.ts';
import { valuesOf } from '#core/head.ts';
import { LinearPattern } from '#core/linear-pattern.ts';
import type { HeaderRestrictionSettings } from './schema.ts';

/** Which calls are taken, by what their headers say. Callers can say what they like: this keeps out the honest only. */
export const headerRestriction: PolicyKind<HeaderRestrictionSettings> = {
  name: 'header-restriction',
  create: createHeaderRestriction,
};

type Rule = HeaderRestrictionSettings['headers'][string];

/** @throws SyntaxError for a pattern that is none. */
function createHeaderRestriction({ headers }: HeaderRestrictionSettings): Policy {
  const tests = Object.entries(headers).map(([name, rule]) => ({
    name: name.toLowerCase(),
    fits: testOf(rule),
    mayMiss: (rule.missing ?? (rule.allow || rule.hosts ? 'refuse' : 'allow')) === 'allow',
  }));
  return {
    name: 'header-restriction',
    summary: `by what these headers say: ${tests.map(({ name }) => name).join(', ')}`,
    onHead({ head }) {
      for (const { name, fits, mayMiss } of tests) {
        const values = valuesOf(head.headers, name);
        // Of several lines each could be the one that the next reader takes.
        if (values.length === 0 ? mayMiss : values.every(fits)) continue;
        throw new Fault(
          'access/denied',
          values.length === 0
            ? `Calls without the header "${name}" are not taken here.`
            : `Calls with this value of the header "${name}" are not taken here.`,
          { field: name },
        );
      }
    },
  };
}

function testOf({ allow, deny, hosts }: Rule): (value: string) => boolean {
  const compile = (patterns: readonly string[]) => patterns.map((pattern) => new LinearPattern(pattern));
  const [allowed, denied] = [allow && compile(allow), compile(deny ?? [])];
  const names = hosts?.map((host) => host.toLowerCase());
  return (value) =>
    !denied.some((pattern) => pattern.matches(value)) &&
    (!allowed || allowed.some((pattern) => pattern.matches(value))) &&
    (!names || isOf(names, value));
}

/** The host is what a client would connect to: not what stands before an "@", or in the path. */
function isOf(names: readonly string[], url: string): boolean {
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) return false;
  const { hostname } = new URL(url);
  return names.some((name) => (name.startsWith('*.') ? hostname.endsWith(name.slice(1)) : hostname === name));
}
