import type { Part } from '#core/call.ts';
import { textsOfWork } from '#core/work.ts';
import type { ModelCall } from './model-call.ts';

/** The text of a call: what is counted when a provider does not say how many tokens went in. */
export function inputText(call: ModelCall): string {
  try {
    const { turns, tools, work } = call.conversation();
    if (work) return textsOfWork(work).join('\n');
    const said = turns.flatMap((turn) => turn.parts.flatMap(textsOf));
    const offered = tools.map(
      (tool) => `${tool.name} ${tool.description ?? ''} ${JSON.stringify(tool.schema ?? {})}`,
    );
    return [...said, ...offered].join('\n');
  } catch {
    // A body its own dialect cannot understand was passed on as it came; count it as it came.
    return call.bytes.toString('utf8');
  }
}

/** Where the provider does not say what it used: what was asked for, as far as the call itself says. */
export function askedUnits(call: ModelCall): Readonly<Record<string, number>> | undefined {
  const { work } = call.conversation();
  return work && 'units' in work ? work.units : undefined;
}

function textsOf(part: Part): string[] {
  switch (part.type) {
    case 'text':
    case 'reasoning':
    case 'refusal':
      return [part.text];
    case 'tool-call':
      return [`${part.name} ${part.arguments}`];
    case 'tool-result':
      return part.parts.flatMap(textsOf);
    default:
      return [];
  }
}
