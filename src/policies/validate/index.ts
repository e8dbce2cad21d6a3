import type { AnswerJudge } from '#core/contracts/answer-judge.ts';
import type { Policy, PolicyKind } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { headerOf, valuesOf, type HeaderList } from '#core/head.ts';
import { TooMuchWork } from '#core/json-schema/run.ts';
import type { AnswerRules, Operation } from '#core/openapi/compile-operation.ts';
import { judgeParameter, judgeParameters, type Bounds, type Finding } from '#core/openapi/judge-request.ts';
import { essenceOf, rangeFor } from '#core/openapi/media-types.ts';
import { readHeaderParameter } from '#core/openapi/parameter-styles.ts';
import { parseSize } from '#core/units.ts';
import { describedBy, type FoundOperation } from './described.ts';
import { refusedAnswer, refusedRequest, summaryOf } from './findings.ts';
import { judgeBody, unjudgedFault, unjudgedNote, type BodyHead } from './judge-body.ts';
import type { ValidateSettings } from './schema.ts';

/** Holds requests and answers to what describes them. */
export const validate: PolicyKind<ValidateSettings> = {
  name: 'validate',
  create: (settings) => createValidate(settings),
};

const mostBytes = 64 * 1024 ** 2;
/** Steps for what has no size, and for each byte: several schemas may look at each value of a few bytes. */
const workAtLeast = 20_000;
const workForByte = 4;

const headOf = (headers: HeaderList): BodyHead => ({
  contentType: headerOf(headers, 'content-type'),
  encoding: headerOf(headers, 'content-encoding'),
});

/** @throws SchemaProblem, RangeError for settings that cannot be; the configuration is refused then. */
function createValidate(settings: ValidateSettings): Policy {
  const { requests = 'enforce', responses = 'report', unknown = 'refuse', maxDepth = 64 } = settings;
  const maxBytes = parseSize(settings.maxBody ?? '1MiB');
  if (maxBytes < 1 || maxBytes > mostBytes)
    throw new RangeError(`validate: maxBody is ${maxBytes}; from 1 to ${mostBytes} can be`);
  const described = describedBy(settings);
  const refuseUnknown = settings.unknownParameters === 'refuse';
  const bounds: Bounds = {
    findings: settings.maxErrors ?? 8,
    maxDepth,
    workFor: (bytes) => workAtLeast + workForByte * bytes,
  };
  const found = new WeakMap<Exchange, FoundOperation | null>();

  /** @throws Fault where nothing of the kind is described, and that is refused. */
  function operationOf({ head }: Exchange): FoundOperation | null {
    const answer = described.find(head.method, head.path);
    if ('operation' in answer) return answer;
    if (unknown === 'pass' || requests !== 'enforce') return null;
    const { allowed } = answer;
    if (allowed.length === 0) throw new Fault('route/not-found', `${head.path} is not described here.`);
    const list = allowed.join(', ');
    throw new Fault('route/method-not-allowed', `${head.path} takes ${list}, not ${head.method}.`, {
      headers: ['allow', list],
    });
  }

  /** @throws Fault where requests are held to it. */
  function takeFindings(exchange: Exchange, findings: readonly Finding[]): void {
    if (findings.length === 0) return;
    if (requests === 'enforce') throw refusedRequest(findings);
    note(exchange, 'request', summaryOf(findings));
  }

  function bodyRules(exchange: Exchange) {
    return found.get(exchange)?.operation.body ?? null;
  }

  const policy: Policy = {
    name: 'validate',
    summary: `requests: ${requests}, answers: ${responses}, by ${described.title}`,
  };
  policy.onHead = (exchange) => {
    const operation = operationOf(exchange);
    found.set(exchange, operation);
    if (operation === null || requests === 'off') return;
    const { head } = exchange;
    const request = { head, pathValues: operation.values, refuseUnknown };
    takeFindings(
      exchange,
      inTime(() => judgeParameters(operation.operation, request, bounds)),
    );
    const rules = operation.operation.body;
    if (!rules || head.upgrade !== null || requests !== 'enforce') return;
    if (head.contentLength === 0) {
      if (rules.required) takeFindings(exchange, noBody);
      return;
    }
    const isDescribed =
      rules.content.size === 0 || rangeFor(rules.content, essenceOf(headerOf(head.headers, 'content-type')));
    if (!isDescribed) throw unjudgedFault('type', [...rules.content.keys()].join(', '));
    if (head.contentLength !== null && head.contentLength > maxBytes) throw unjudgedFault('size', '');
    // Of several bounds the least holds.
    if (maxBytes < (exchange.maxBodyBytes ?? Infinity)) exchange.maxBodyBytes = maxBytes;
  };
  if (requests !== 'off') {
    policy.readsBody = (exchange) => {
      const rules = bodyRules(exchange);
      return rules !== null && exchange.head.upgrade === null && exchange.head.contentLength !== 0;
    };
    policy.onCall = (exchange) => {
      const rules = bodyRules(exchange);
      const { body, head } = exchange;
      if (!rules || body === null) return;
      const verdict = judgeBody(rules, { bytes: body, head: headOf(head.headers) }, { bounds, maxBytes });
      if (isList(verdict)) return takeFindings(exchange, verdict);
      if (requests === 'enforce') throw unjudgedFault(verdict, [...rules.content.keys()].join(', '));
      note(exchange, 'request', `body: ${unjudgedNote(verdict)}`);
    };
  }
  if (responses !== 'off')
    policy.judgeAnswer = (exchange, status, headers) => {
      const operation = found.get(exchange)?.operation;
      if (!operation || operation.answers.size === 0) return null;
      return createJudge({ exchange, status, headers }, operation, {
        bounds,
        maxBytes,
        holds: responses === 'enforce',
      });
    };
  return policy;
}

interface Answered {
  readonly exchange: Exchange;
  readonly status: number;
  readonly headers: HeaderList;
}

function createJudge(
  { exchange, status, headers }: Answered,
  { answers }: Operation,
  {
    bounds,
    maxBytes,
    holds,
  }: { readonly bounds: Bounds; readonly maxBytes: number; readonly holds: boolean },
): AnswerJudge {
  const rules =
    answers.get(String(status)) ?? answers.get(`${String(status)[0]}XX`) ?? answers.get('default');
  const bodiless = exchange.head.method === 'HEAD' || status === 204 || status === 304;
  const fail = (why: string): void => {
    note(exchange, 'response', why);
    if (holds) throw refusedAnswer();
  };
  return {
    maxBytes,
    holds,
    onBody(bytes) {
      if (!rules) return fail(`status: expected one of ${[...answers.keys()].join(', ')}, got ${status}`);
      const findings = inTime(() => judgeHeaders(rules, headers, bounds));
      if (findings.length > 0) return fail(summaryOf(findings));
      if (bodiless || rules.body.content.size === 0) return;
      if (bytes === null) return fail('body: not judged, too large or broken off');
      const verdict = judgeBody(rules.body, { bytes, head: headOf(headers) }, { bounds, maxBytes });
      if (!isList(verdict)) return fail(`body: ${unjudgedNote(verdict)}`);
      if (verdict.length > 0) fail(summaryOf(verdict));
    },
  };
}

function judgeHeaders({ headers: described }: AnswerRules, headers: HeaderList, bounds: Bounds): Finding[] {
  return described.flatMap((parameter) =>
    judgeParameter(parameter, readHeaderParameter(parameter, valuesOf(headers, parameter.name)), {
      bounds,
      room: 1,
    }),
  );
}

const noBody: readonly Finding[] = [
  { in: 'body', path: [], keyword: 'required', expected: 'a body, which is required', got: 'none' },
];
const tooMuch: readonly Finding[] = [
  {
    in: 'query',
    path: [],
    keyword: 'work',
    expected: 'values that can be judged in bounded time',
    got: 'others',
  },
];

function inTime(judge: () => readonly Finding[]): readonly Finding[] {
  try {
    return judge();
  } catch (error) {
    if (error instanceof TooMuchWork) return tooMuch;
    throw error;
  }
}

/** On the receipt, the access log and the audit log. */
function note(exchange: Exchange, side: 'request' | 'response', text: string): void {
  (exchange.notes ??= {})[`validate.${side}`] = text.slice(0, 300).toWellFormed();
}

const isList = (verdict: readonly Finding[] | unknown): verdict is readonly Finding[] =>
  Array.isArray(verdict);
