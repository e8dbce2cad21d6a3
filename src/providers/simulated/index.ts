import { randomUUID } from 'node:crypto';
import type { Upstream, UpstreamRequest, UpstreamSink } from '#core/contracts/upstream.ts';
import type { Fault } from '#core/fault.ts';
import {
  composeAnswer,
  renderEvents,
  renderRefusal,
  renderWhole,
  SimulatedRefusal,
} from './compose-answer.ts';
import { Pacer } from './pacer.ts';

export interface SimulatedSettings {
  /** Between two chunks (20). */
  readonly paceMs?: number;
  readonly nowMs?: () => number;
  readonly newId?: () => string;
}

interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly chunks: readonly string[];
}

/**
 * A model inside the process, for a start without any provider. It speaks openai-chat and says in every answer that it
 * is simulated. It keeps the upstream's contract: asynchronous always, one last callback, none after `cancel`.
 */
export function createSimulatedUpstream(settings: SimulatedSettings = {}): Upstream {
  const { paceMs = 20, nowMs = Date.now, newId = randomUUID } = settings;
  const active = new Set<Pacer>();

  function replyTo(request: UpstreamRequest, body: string): Reply {
    const path = request.path.split('?', 1)[0]!;
    if (request.method !== 'POST' || !path.endsWith('/chat/completions')) {
      const message = `The simulated model answers POST …/chat/completions, not ${request.method} ${path}.`;
      return json(404, renderRefusal(message));
    }
    const identity = { id: `chatcmpl-${newId()}`, createdS: Math.floor(nowMs() / 1000) };
    try {
      const answer = composeAnswer(body);
      if (!answer.stream) return json(200, renderWhole(answer, identity));
      return { status: 200, contentType: 'text/event-stream', chunks: renderEvents(answer, identity) };
    } catch (error) {
      if (error instanceof SimulatedRefusal) return json(400, renderRefusal(error.message));
      throw error;
    }
  }

  function stepsOf(reply: Reply, sink: UpstreamSink, over: () => void): (() => void)[] {
    const headers = ['content-type', reply.contentType, 'x-request-id', newId()];
    return [
      () => sink.onHead(reply.status, headers),
      ...reply.chunks.map((chunk) => () => sink.onData(Buffer.from(chunk))),
      () => {
        over();
        sink.onEnd([]);
      },
    ];
  }

  return {
    start(request, sink) {
      const pacer = new Pacer(paceMs);
      const over = () => active.delete(pacer);
      active.add(pacer);
      readBody(request.body, {
        onBody(body) {
          if (active.has(pacer)) pacer.begin(stepsOf(replyTo(request, body), sink, over));
        },
        onFault(fault) {
          if (active.has(pacer)) pacer.begin([() => (over(), sink.onFault(fault))]);
        },
      });
      return {
        pause: () => pacer.pause(),
        resume: () => pacer.resume(),
        cancel() {
          over();
          pacer.cancel();
        },
      };
    },
    stats: () => ({ open: active.size, idle: 0, active: active.size }),
    close: () => {},
  };
}

const json = (status: number, body: string): Reply => ({
  status,
  contentType: 'application/json',
  chunks: [body],
});

interface BodyListener {
  onBody(body: string): void;
  onFault(fault: Fault): void;
}

function readBody(body: UpstreamRequest['body'], listener: BodyListener): void {
  if (body === null || Buffer.isBuffer(body)) return listener.onBody(body?.toString('utf8') ?? '');
  const chunks: Buffer[] = [];
  body.open({
    onData: (chunk) => void chunks.push(chunk),
    onEnd: () => listener.onBody(Buffer.concat(chunks).toString('utf8')),
    onFault: (fault) => listener.onFault(fault),
  });
}
