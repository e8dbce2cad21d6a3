import { Fault } from '#core/fault.ts';
import { withoutParameter } from '#core/query.ts';
import { anywhere, capturedBy, inPath, inQuery, renderTemplate } from '#core/request-template.ts';
import type { FixedRoute, RedirectAnswer, StaticAnswer } from '#core/snapshot.ts';
import { wholeAnswer, type Answer, type WholeAnswer } from '../answer.ts';
import { accountAnswer } from './account.ts';
import type { Passage } from '../passage.ts';

/** Answers a route that leads to no server: by a redirect, by what stands in the configuration, or out of the books. */
export function fixedAnswer(passage: Passage): Answer | Promise<Answer> {
  const { answer } = passage.route.route as FixedRoute;
  if (answer.kind === 'account') return accountAnswer(passage);
  return wholeAnswer(
    passage,
    answer.kind === 'redirect' ? redirect(passage, answer) : still(passage, answer),
  );
}

/** @throws Fault where the place would be on another host than is written. */
function redirect({ exchange, route }: Passage, { status, to, keepQuery }: RedirectAnswer): WholeAnswer {
  const { head, consumedParameter: used } = exchange;
  const query = used === null ? head.query : withoutParameter(head.query, used);
  let location = renderTemplate(to, capturedBy(route.route.match, head), inPath);
  // "//host" is a place on another host (RFC 3986 §4.2), and some browsers read "/\" as that.
  if (/^\/[/\\]/.test(location))
    throw new Fault('request/malformed', 'The path would redirect to another host.');
  if (keepQuery && query !== '') {
    const fragment = location.indexOf('#');
    const before = fragment < 0 ? location : location.slice(0, fragment);
    const after = fragment < 0 ? '' : location.slice(fragment);
    location = `${before}${before.includes('?') ? '&' : '?'}${inQuery(query)}${after}`;
  }
  return { status, headers: ['location', location], body: null };
}

function still({ exchange: { head }, route }: Passage, { status, headers, body }: StaticAnswer): WholeAnswer {
  const captured = capturedBy(route.route.match, head);
  return {
    status,
    headers: headers.map((text, i) => (i % 2 === 0 ? text : renderTemplate(text, captured, anywhere))),
    body: body === null ? null : renderTemplate(body, captured, anywhere),
  };
}
