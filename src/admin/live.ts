import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { ControlPlane } from '#core/contracts/control-plane.ts';
import { liveSince } from '#core/live-figures.ts';
import { sendProblem } from './problem.ts';
import { Instant, orNull } from './shapes.ts';

const Counts = Type.Record(Type.String(), Type.Number());
const Buckets = Type.Array(Type.Number());
const Live = Type.Object({
  atMs: Instant,
  overMs: orNull(Type.Number({ description: 'What the counts are of; null: all since the start.' })),
  openStreams: Type.Integer(),
  connections: Type.Integer(),
  boundsSeconds: Type.Array(Type.Number(), {
    description: 'Upper bounds of the buckets, which have one more.',
  }),
  routes: Type.Array(Type.Object({ route: Type.String(), outcomes: Counts, durations: Buckets })),
  targets: Type.Array(
    Type.Object({ provider: Type.String(), model: Type.String(), results: Counts, firstContent: Buckets }),
  ),
  usage: Type.Array(
    Type.Object({
      project: Type.String(),
      team: Type.String(),
      provider: Type.String(),
      model: Type.String(),
      tokens: Counts,
      costNano: Counts,
    }),
  ),
});

const everyMs = 1000;
/** Whoever watches longer comes again, and is asked again who it is: what was revoked sees nothing a minute later. */
const longestMs = 60_000;
const mostWatchers = 100;

/** What passes now, from what threads count anyhow. Nobody is asked while nobody watches. */
export function serveLive(app: FastifyInstance, control: Pick<ControlPlane, 'live'>): void {
  let watchers = 0;
  app.get(
    '/v1/live',
    {
      config: { permission: 'traffic.read' },
      schema: {
        summary:
          'What this node has counted since its start; with "accept: text/event-stream" what is new, once a second, for a minute',
        answer: Live,
      },
    },
    async ({ headers }, reply) => {
      if (!/\btext\/event-stream\b/.test(headers.accept ?? '')) return control.live();
      if (watchers >= mostWatchers) return sendProblem(reply, 503, `${mostWatchers} watch already.`);
      watchers++;
      const events = Readable.from(eventsOf(control));
      events.once('close', () => watchers--);
      return reply.type('text/event-stream; charset=utf-8').header('x-accel-buffering', 'no').send(events);
    },
  );
}

/** The first has no counts: it says that somebody is heard. */
async function* eventsOf(control: Pick<ControlPlane, 'live'>): AsyncGenerator<string> {
  const endsAtMs = performance.now() + longestMs;
  let before = await control.live();
  yield render({ ...before, overMs: 0, routes: [], targets: [], usage: [] });
  while (performance.now() < endsAtMs) {
    await wait(everyMs, undefined, { ref: false });
    const now = await control.live();
    if (now === before) continue;
    yield render(liveSince(before, now));
    before = now;
  }
}

const render = (figures: unknown): string => `data: ${JSON.stringify(figures)}\n\n`;
