import { Fault } from '#core/fault.ts';
import type { Answer } from './answer.ts';
import { chooseByOperation } from './choose-route.ts';
import { findOperation } from './client-dialect.ts';
import { encodedSlash } from './find-route.ts';
import { fixedAnswer } from './destination/fixed-answer.ts';
import { converse } from './converse.ts';
import { countTokens } from './count-tokens.ts';
import { choosePart } from './destination/split.ts';
import { forward } from './forward.ts';
import { understandGraphql } from './graphql/understand-graphql.ts';
import { useKept } from './kept/use-kept.ts';
import { listModels, showModel } from './list-models.ts';
import { meterCall } from './meter-call.ts';
import { readCall } from './read-call.ts';
import type { Passage } from './passage.ts';
import { openSession } from './websocket/session.ts';
import { serveCallSocket } from './websocket/call-socket.ts';

/**
 * Finds out what is asked, reading the body where the kind of route needs to understand it, and returns how it will be
 * answered once the policies have admitted it.
 * @throws Fault when it cannot be understood.
 */
export async function understand(passage: Passage): Promise<() => Answer | Promise<Answer>> {
  if (passage.route.parts) choosePart(passage, passage.route.parts);
  const { exchange, route } = passage;
  if (route.route.kind === 'http') {
    if (route.siblings) await chooseByOperation(passage);
    if (passage.route.route.kind === 'http' && passage.route.route.graphql)
      await understandGraphql(passage, passage.route.route);
    const { meter } = passage.route;
    if (meter) await meterCall(passage, meter);
    return () => forward(passage);
  }

  if (route.route.kind === 'fixed') return () => fixedAnswer(passage);
  if (route.route.kind === 'mcp') return passage.gateway.tools!.understand(passage);

  const asked = findOperation(passage);
  if (!asked) {
    if (exchange.head.path.includes('%2F')) throw encodedSlash();
    throw new Fault(
      'route/not-found',
      `No operation ${exchange.head.method} ${exchange.head.path} is known here.`,
    );
  }
  exchange.dialectName = asked.dialect.name;
  switch (asked.line.operation.kind) {
    case 'models':
      return () => listModels(passage, asked.dialect);
    case 'model':
      return () => showModel(passage, asked.dialect, asked.line.parameters['model'] ?? '');
    case 'chat':
    case 'work': {
      passage.call = await readCall(passage, asked);
      const { route: read } = passage.route;
      const isLooped = read.kind === 'llm' && read.tools && asked.line.operation.kind === 'chat';
      const loop = isLooped ? passage.gateway.tools!.attend(passage, read.tools) : null;
      // Policies may have put another call in its place.
      return loop ?? (() => converse(passage, passage.call!));
    }
    case 'kept':
      return useKept(passage, asked);
    case 'count-tokens': {
      passage.call = await readCall(passage, asked);
      return () => countTokens(passage, passage.call!);
    }
    case 'call-socket':
      return () => serveCallSocket(passage, asked.dialect);
    case 'session':
      return openSession(passage, asked);
  }
}
