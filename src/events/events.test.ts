import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import type { WebhookPlan } from '#core/webhook.ts';
import { createUpstream } from '../transport/upstream/index.ts';
import { backoffMs } from './backoff.ts';
import { EventDispatcher } from './index.ts';
import { MemoryBooks } from './testing/memory-outbox.ts';
import { startReceiver, type Behaviour, type Receiver } from './testing/receiver.ts';

const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
const key = randomBytes(24).toString('base64');

function plan(url: string, over: Partial<WebhookPlan> = {}): WebhookPlan {
  const secrets = [key];
  const times = { timeoutMs: 10_000, giveUpMs: 60_000 };
  return { name: 'hook', url, types: null, secrets, batch: 1, headers: [], tls: null, ...times, ...over };
}

interface Fixture {
  readonly books: MemoryBooks;
  readonly receiver: Receiver;
  readonly errors: Error[];
  /** Starts a node that delivers; its first turn is over when this resolves. */
  start(over?: Partial<WebhookPlan>, node?: string): Promise<EventDispatcher>;
  event(n: number, subject?: string): void;
}

async function fixture(context: TestContext, behave?: Behaviour, patienceMs = 600): Promise<Fixture> {
  const books = new MemoryBooks();
  const receiver = await startReceiver(behave);
  context.after(() => receiver.close());
  const errors: Error[] = [];
  const upstream = createUpstream({ clock });
  context.after(() => upstream.close());
  const locate = ({ url }: WebhookPlan) => {
    const { host, hostname, port } = new URL(url);
    const origin = { key: host, secure: false, host: hostname, port: Number(port), proxy: null, tls: null };
    return { origin, host };
  };
  return {
    books,
    receiver,
    errors,
    async start(over = {}, node = 'n1') {
      const dispatcher = new EventDispatcher({
        ...clock,
        upstream,
        locate,
        outbox: books.as(node),
        // Waits are as short as they may be.
        random: () => 0,
        patienceMs,
        onError: (error) => void errors.push(error),
      });
      context.after(() => dispatcher.close());
      await dispatcher.follow({ source: 'urn:test', webhooks: [plan(receiver.url, over)] });
      await until(() => books.rows.has('hook'));
      return dispatcher;
    },
    event(n, subject = 'project:shop') {
      const event = { id: `e/${n}`, type: 'budget.threshold', subject, atMs: n, data: { n } };
      books.add({ type: 'event', event });
    },
  };
}

async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 60_000; !holds();) {
    assert.ok(Date.now() < end, 'not within a minute');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const idsOf = (posted: Receiver['posted']) => posted.flatMap(({ events }) => events.map(({ id }) => id));
const ids = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `e/${from + i}`);

test('an event goes out as a CloudEvent in structured mode, signed, and only what comes after the start', async (context) => {
  const { books, receiver, start, event } = await fixture(context);
  event(1);
  await start({ headers: ['x-own', 'yes'] });
  event(2);
  await until(() => receiver.taken.length === 1);
  const { headers, body } = receiver.taken[0]!;
  assert.equal(headers['content-type'], 'application/cloudevents+json; charset=utf-8');
  assert.equal(headers['x-own'], 'yes');
  assert.deepEqual(JSON.parse(body), {
    specversion: '1.0',
    id: 'e/2',
    source: 'urn:test',
    type: 'sluice.budget.threshold',
    subject: 'project:shop',
    time: '1970-01-01T00:00:00.002Z',
    datacontenttype: 'application/json',
    sequence: '00000000000000000002',
    data: { n: 2 },
  });
  const id = headers['webhook-id'] as string;
  const timestamp = headers['webhook-timestamp'] as string;
  assert.match(id, /^msg_[0-9a-f]{32}$/);
  assert.ok(Math.abs(Number(timestamp) - Date.now() / 1000) < 120);
  const hmac = createHmac('sha256', Buffer.from(key, 'base64')).update(`${id}.${timestamp}.${body}`);
  assert.equal(headers['webhook-signature'], `v1,${hmac.digest('base64')}`);
  await until(() => books.rows.get('hook')!.position === 2);
});

test('in batch mode many go in one request, in their order; each of two keys signs', async (context) => {
  const { receiver, start, event } = await fixture(context);
  const other = randomBytes(24).toString('base64');
  await start({ batch: 10, secrets: [key, other] });
  for (let n = 1; n <= 25; n++) event(n, `project:${n % 3}`);
  await until(() => idsOf(receiver.taken).length === 25);
  assert.deepEqual(idsOf(receiver.taken), ids(1, 25));
  assert.ok(receiver.taken.every(({ events }) => events.length <= 10));
  const { headers } = receiver.taken[0]!;
  assert.equal(headers['content-type'], 'application/cloudevents-batch+json; charset=utf-8');
  assert.equal((headers['webhook-signature'] as string).split(' ').length, 2);
});

test('types are chosen by name and pattern, and what is not wanted holds nothing up', async (context) => {
  const { books, receiver, start, event } = await fixture(context);
  await start({ types: ['key.*'] });
  event(1);
  const data = { key: 'k1' };
  books.add({ type: 'event', event: { id: 'k', type: 'key.created', subject: 'key:k1', atMs: 1, data } });
  await until(() => receiver.taken.length === 1);
  assert.deepEqual(idsOf(receiver.posted), ['k']);
});

test('a receiver that fails, hangs or is slow gets everything in the end, in order per subject', async (context) => {
  const { receiver, start, event, errors } = await fixture(context, (_, n) => {
    if (n > 9 || n % 3 === 0) return 200;
    // Breaks off, or never answers.
    if (n > 6) return (response) => void (n === 7 && response.destroy());
    return 503;
  });
  await start({ timeoutMs: 200 });
  for (let n = 1; n <= 12; n++) event(n, `project:${n % 3}`);
  await until(() => new Set(idsOf(receiver.taken)).size === 12);
  for (const subject of ['project:0', 'project:1', 'project:2']) {
    const of = receiver.taken.flatMap(({ events }) => events.filter((each) => each.subject === subject));
    const firsts = of.map(({ data }) => Number(data['n'])).filter((n, i, all) => all.indexOf(n) === i);
    assert.deepEqual(
      firsts,
      firsts.toSorted((a, b) => a - b),
    );
  }
  const tries = Map.groupBy(receiver.posted, ({ body }) => body);
  for (const same of tries.values())
    assert.equal(new Set(same.map(({ headers }) => headers['webhook-id'])).size, 1);
  assert.deepEqual(errors, []);
});

test('Retry-After is kept to', async (context) => {
  const times: number[] = [];
  const { receiver, start, event } = await fixture(context, (_, n) => {
    times.push(performance.now());
    return n === 1 ? (response) => void response.writeHead(429, { 'retry-after': '2' }).end() : 200;
  });
  await start();
  event(1);
  await until(() => receiver.taken.length === 1);
  assert.ok(times[1]! - times[0]! >= 1_990, `${times[1]! - times[0]!}`);
});

test('410 stops a webhook until somebody says otherwise; nothing is lost meanwhile', async (context) => {
  const { books, receiver, start, event } = await fixture(context, () => 410);
  const dispatcher = await start();
  event(1);
  await until(() => books.rows.get('hook')!.stopped !== null);
  assert.match(books.rows.get('hook')!.stopped!, /410/);
  event(2);
  receiver.behave = () => 204;
  assert.equal(receiver.posted.length, 1);
  await books.as('n1').stop('hook', null);
  dispatcher.wake('hook');
  await until(() => receiver.taken.length === 2);
  assert.deepEqual(idsOf(receiver.taken), ['e/1', 'e/2']);
});

test('what is refused as it is becomes a dead letter, and the others go on, out of a batch, too', async (context) => {
  const { books, receiver, start, event } = await fixture(context, ({ events }) =>
    events.some(({ id }) => id === 'e/2') ? 422 : 204,
  );
  await start({ batch: 3 });
  for (let n = 1; n <= 4; n++) event(n);
  await until(() => books.dead.length === 1 && books.rows.get('hook')!.held.length === 0);
  assert.equal(books.rows.get('hook')!.position, 4);
  assert.deepEqual(new Set(idsOf(receiver.taken)), new Set(['e/1', 'e/3', 'e/4']));
  assert.equal(books.dead.length, 1);
  const { event: text, reason, sequence } = books.dead[0]!;
  assert.deepEqual([(JSON.parse(text) as { id: string }).id, reason, sequence], ['e/2', 'status 422', 2]);
});

test('what fails for longer than it may becomes a dead letter', async (context) => {
  const { books, receiver, start, event } = await fixture(context, () => 500);
  await start({ giveUpMs: 700 });
  event(1);
  await until(() => books.dead.length === 1);
  assert.deepEqual([books.dead[0]!.reason, books.dead[0]!.tries], ['status 500', receiver.posted.length]);
});

for (const batch of [1, 10])
  test(`an event that is not taken holds up its own subject and no other, over a restart, too (batch ${batch})`, async (context) => {
    let isTaken = false;
    const poison = ({ events }: { events: readonly { id: string }[] }) =>
      events.some(({ id }) => id === 'e/5');
    const { books, receiver, start, event } = await fixture(context, (posted) =>
      poison(posted) && !isTaken ? 500 : 204,
    );
    const first = await start({ batch });
    // More than are looked at together.
    for (let n = 1; n <= 600; n++) event(n, `project:${n % 3}`);
    await until(() => books.rows.get('hook')!.position === 600);
    const others = () =>
      receiver.taken.flatMap(({ events }) => events.filter(({ subject }) => subject !== 'project:2'));
    assert.equal(others().length, 400);
    assert.deepEqual(books.rows.get('hook')!.held, [{ subject: 'project:2', after: 4 }]);
    await first.close();
    const tried = receiver.posted.length;
    const second = await start({ batch });
    await until(() => receiver.posted.length > tried);
    event(601, 'project:1');
    await until(() => books.rows.get('hook')!.position === 601);
    isTaken = true;
    await until(() => books.rows.get('hook')!.held.length === 0);
    event(602, 'project:2');
    await until(() => books.rows.get('hook')!.position === 602);
    for (const [subject, events] of Map.groupBy(
      receiver.taken.flatMap((one) => one.events),
      (one) => one.subject,
    ))
      assert.deepEqual(
        events.map(({ data }) => data['n']),
        Array.from({ length: 602 }, (_, i) => i + 1).filter((n) => `project:${n % 3}` === subject),
        subject,
      );
    await second.close();
  });

test('a subject that is held gives its event up in time, and goes on', async (context) => {
  const { books, receiver, start, event } = await fixture(context, ({ events }) =>
    events[0]!.id === 'e/1' ? 500 : 204,
  );
  await start({ giveUpMs: 2_000 });
  for (let n = 1; n <= 4; n++) event(n, `project:${n % 2}`);
  await until(() => books.dead.length === 1 && books.rows.get('hook')!.held.length === 0);
  assert.deepEqual(idsOf(receiver.taken), ['e/2', 'e/4', 'e/3']);
  assert.deepEqual(books.dead[0]!.sequence, 1);
});

test('a receiver that takes nothing is waited for: no more subjects are held than may be', async (context) => {
  let isUp = false;
  const { books, receiver, start, event } = await fixture(context, () => (isUp ? 204 : 503), 0);
  await start();
  for (let n = 1; n <= 300; n++) event(n, `project:${n}`);
  await until(() => new Set(idsOf(receiver.posted)).size >= 70);
  assert.equal(books.rows.get('hook')!.position, 0);
  isUp = true;
  await until(() => books.rows.get('hook')!.position === 300 && books.rows.get('hook')!.held.length === 0);
  assert.deepEqual(new Set(idsOf(receiver.taken)), new Set(ids(1, 300)));
  assert.deepEqual(books.dead, []);
});

test('of two nodes one delivers; when it is gone the other goes on where it was', async (context) => {
  const { books, receiver, start, event } = await fixture(context);
  const first = await start({}, 'n1');
  const second = await start({}, 'n2');
  for (let n = 1; n <= 20; n++) event(n);
  await until(() => books.rows.get('hook')!.position === 20);
  assert.deepEqual(idsOf(receiver.posted), ids(1, 20), 'each once');
  assert.deepEqual([first.reports()[0]!.mine, second.reports()[0]!.mine], [true, false]);
  await first.close();
  books.rows.get('hook')!.untilMs = 0;
  event(21);
  // The receiver has it before the sender has the receiver's answer.
  await until(() => second.reports()[0]!.taken === 1);
  assert.deepEqual(idsOf(receiver.taken), ids(1, 21));
});

test('closed while a request is under way: it goes out again, under the same ids', async (context) => {
  let hanging = true;
  const { books, receiver, start, event } = await fixture(context, () => (hanging ? () => undefined : 204));
  const first = await start();
  event(1);
  await until(() => receiver.posted.length === 1);
  await first.close();
  assert.equal(books.rows.get('hook')!.position, 0);
  hanging = false;
  await start();
  await until(() => receiver.taken.length === 1);
  const [before, after] = receiver.posted;
  assert.equal(before!.body, after!.body);
  assert.equal(before!.headers['webhook-id'], after!.headers['webhook-id']);
});

test('waits double up to five minutes, by chance, and keep to what was asked for up to an hour', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (tries, random) => {
        const ms = backoffMs(tries, null, random);
        assert.ok(ms >= 500 && ms <= 300_000);
        assert.ok(backoffMs(tries + 1, null, random) >= ms);
        assert.ok(backoffMs(tries, 10_000_000, random) <= 3_600_000);
        assert.ok(backoffMs(tries, 2_000, random) >= 2_000);
      },
    ),
  );
});
