/** What an error can tell, one thing at a time, and how it is known that it is still told. */
import { headerOf } from '#core/head.ts';
import { Fault } from '#core/fault.ts';

export interface ErrorFeature {
  readonly name: string;
  readonly fault: Fault;
  /** Told after its stream has begun. */
  readonly within?: true;
  isTold(heard: Fault): boolean;
}

const words = 'Nothing of this kind.';

function of(status: number, name: string): ErrorFeature {
  const fault = new Fault('upstream/refused', words, { status });
  return {
    name: `error: ${name} (${status})`,
    fault,
    isTold: (heard) => heard.status === status && heard.message.includes(words),
  };
}

const delay = new Fault('upstream/rate-limited', words, { status: 429, headers: ['retry-after', '7'] });

export const errorFeatures: readonly ErrorFeature[] = [
  of(400, 'a bad request'),
  of(401, 'a wrong key'),
  of(403, 'not permitted'),
  of(404, 'no such model'),
  of(413, 'too large'),
  of(429, 'too many'),
  {
    name: 'error: when to come back',
    fault: delay,
    isTold: (heard) => headerOf(heard.details.headers ?? [], 'retry-after') === '7',
  },
  of(500, 'a failure'),
  of(503, 'overloaded'),
  {
    name: 'error: within a stream',
    fault: new Fault('upstream/overloaded', words, { status: 503 }),
    within: true,
    isTold: (heard) => heard.blame === 'upstream' && heard.message.includes(words),
  },
];
