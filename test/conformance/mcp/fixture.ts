/**
 * What the suite's scenarios call by name, told once for servers of both eras: a tool is a function that may ask its caller things.
 */

export interface Asker {
  /** Asks everything in one step; answers by the same keys. */
  ask(questions: Record<string, Question>): Promise<Record<string, Answer>>;
  notify(method: string, params: Record<string, unknown>): Promise<void>;
  readonly progressToken: string | number | undefined;
  /** What the client has declared. */
  readonly capabilities: Record<string, unknown>;
  /** Its lists have changed: all that listen are told. */
  changed(list: 'tools' | 'prompts'): void;
}

export interface Question {
  readonly method: string;
  readonly params: Record<string, unknown>;
}
export type Answer = Record<string, unknown>;
type Result = Record<string, unknown>;
type Work = (args: Record<string, unknown>, asker: Asker) => Result | Promise<Result>;

const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';
const wav = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAIlYAAESsAAACABAAZGF0YQAAAAA=';

const says = (text: string): Result => ({ content: [{ type: 'text', text }] });
const textResource = (uri: string, text: string, mimeType = 'text/plain') => ({
  type: 'resource',
  resource: { uri, mimeType, text },
});
const image = { type: 'image', data: png, mimeType: 'image/png' };
const user = (content: Record<string, unknown>) => ({ role: 'user', content });
const textOf = (text: string) => ({ type: 'text', text });

const form = (
  message: string,
  properties: Record<string, unknown>,
  required = Object.keys(properties),
): Question => ({
  method: 'elicitation/create',
  params: { mode: 'form', message, requestedSchema: { type: 'object', properties, required } },
});
const sample = (text: string): Question => ({
  method: 'sampling/createMessage',
  params: { messages: [user(textOf(text))], maxTokens: 100 },
});
const roots: Question = { method: 'roots/list', params: {} };
const nameForm = form('What is your name?', { name: { type: 'string' } });
const confirmForm = form('Please confirm', { ok: { type: 'boolean' } });
const pause = () => new Promise((resolve) => setTimeout(resolve, 20));

async function elicited(question: Question, asker: Asker): Promise<Result> {
  const { answer } = await asker.ask({ answer: question });
  const { action, content = {} } = answer!;
  return says(`Elicitation completed: action=${String(action)}, content=${JSON.stringify(content)}`);
}

const log = (asker: Asker, data: string) => asker.notify('notifications/message', { level: 'info', data });
const sampled = (answer: Answer | undefined): string =>
  String((answer?.['content'] as { text?: string } | undefined)?.text);

export const tools: Record<string, { readonly properties?: Record<string, unknown>; readonly work: Work }> = {
  test_simple_text: { work: () => says('This is a simple text response for testing.') },
  test_whose_name_is_longer_than_clients_of_models_let_names_of_tools_be: { work: () => says('Long.') },
  test_image_content: { work: () => ({ content: [image] }) },
  test_audio_content: { work: () => ({ content: [{ type: 'audio', data: wav, mimeType: 'audio/wav' }] }) },
  test_embedded_resource: {
    work: () => ({
      content: [textResource('test://embedded-resource', 'This is an embedded resource content.')],
    }),
  },
  test_multiple_content_types: {
    work: () => ({
      content: [
        textOf('Multiple content types test:'),
        image,
        textResource('test://mixed-content-resource', '{"test":"data","value":123}', 'application/json'),
      ],
    }),
  },
  test_error_handling: {
    work: () => ({ ...says('This tool intentionally returns an error for testing'), isError: true }),
  },
  test_tool_with_logging: {
    async work(_, asker) {
      await log(asker, 'Tool execution started');
      await pause();
      await log(asker, 'Tool processing data');
      await pause();
      await log(asker, 'Tool execution completed');
      return says('Logged.');
    },
  },
  test_logging_tool: {
    async work(_, asker) {
      await log(asker, 'It ran.');
      return says('Logged.');
    },
  },
  test_tool_with_progress: {
    async work(_, asker) {
      const { progressToken } = asker;
      for (const progress of [0, 50, 100]) {
        if (progressToken !== undefined)
          await asker.notify('notifications/progress', { progressToken, progress, total: 100 });
        await pause();
      }
      return says('Done.');
    },
  },
  test_sampling: {
    properties: { prompt: { type: 'string' } },
    async work({ prompt }, asker) {
      const { answer } = await asker.ask({ answer: sample(String(prompt)) });
      return says(`LLM response: ${sampled(answer)}`);
    },
  },
  test_elicitation: {
    properties: { message: { type: 'string' } },
    work: ({ message }, asker) =>
      elicited(form(String(message), { username: { type: 'string' }, email: { type: 'string' } }), asker),
  },
  test_elicitation_sep1034_defaults: {
    work: (_, asker) =>
      elicited(
        form(
          'Please review the defaults',
          {
            name: { type: 'string', default: 'John Doe' },
            age: { type: 'integer', default: 30 },
            score: { type: 'number', default: 95.5 },
            status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
            verified: { type: 'boolean', default: true },
          },
          [],
        ),
        asker,
      ),
  },
  test_elicitation_sep1330_enums: {
    work: (_, asker) => elicited(form('Please choose', enums, []), asker),
  },
  test_input_required_result_elicitation: {
    async work(_, asker) {
      const { user_name } = await asker.ask({ user_name: nameForm });
      return says(`Hello, ${String((user_name!['content'] as Answer | undefined)?.['name'])}!`);
    },
  },
  test_input_required_result_sampling: {
    async work(_, asker) {
      const { capital_question } = await asker.ask({
        capital_question: sample('What is the capital of France?'),
      });
      return says(sampled(capital_question));
    },
  },
  test_input_required_result_list_roots: {
    async work(_, asker) {
      const { client_roots } = await asker.ask({ client_roots: roots });
      return says(`Roots: ${JSON.stringify(client_roots)}`);
    },
  },
  test_input_required_result_request_state: {
    async work(_, asker) {
      await asker.ask({ confirm: confirmForm });
      return says('state-ok');
    },
  },
  test_input_required_result_tampered_state: {
    async work(_, asker) {
      await asker.ask({ confirm: confirmForm });
      return says('integrity-ok');
    },
  },
  test_input_required_result_multiple_inputs: {
    async work(_, asker) {
      await asker.ask({ user_name: nameForm, greeting: sample('Generate a greeting'), client_roots: roots });
      return says('All of it came.');
    },
  },
  test_input_required_result_multi_round: {
    async work(_, asker) {
      await asker.ask({ step1: form('Step 1: What is your name?', { name: { type: 'string' } }) });
      await asker.ask({ step2: form('Step 2: What is your favorite color?', { color: { type: 'string' } }) });
      return says('Both rounds are over.');
    },
  },
  test_input_required_result_capabilities: {
    async work(_, asker) {
      const all: Record<string, Question> = { elicitation: nameForm, sampling: sample('Hello?') };
      await asker.ask(Object.fromEntries(Object.entries(all).filter(([name]) => asker.capabilities[name])));
      return says('Answered.');
    },
  },
  test_missing_capability: {
    async work(_, asker) {
      await asker.ask({ sample: sample('Are you there?') });
      return says('Sampled.');
    },
  },
  test_streaming_elicitation: { work: (_, asker) => elicited(nameForm, asker) },
  test_trigger_tool_change: {
    work(_, asker) {
      asker.changed('tools');
      return says('Told.');
    },
  },
  test_trigger_prompt_change: {
    work(_, asker) {
      asker.changed('prompts');
      return says('Told.');
    },
  },
};

const options = ['option1', 'option2', 'option3'];
const titled = (names: string) =>
  [1, 2, 3].map((n) => ({ const: `value${n}`, title: `${['First', 'Second', 'Third'][n - 1]} ${names}` }));
const enums = {
  untitledSingle: { type: 'string', enum: options },
  titledSingle: { type: 'string', oneOf: titled('Option') },
  legacyEnum: {
    type: 'string',
    enum: ['opt1', 'opt2', 'opt3'],
    enumNames: ['Option One', 'Option Two', 'Option Three'],
  },
  untitledMulti: { type: 'array', items: { type: 'string', enum: options } },
  titledMulti: { type: 'array', items: { anyOf: titled('Choice') } },
};

export const prompts: Record<string, { readonly args?: readonly string[]; readonly work: Work }> = {
  test_simple_prompt: { work: () => ({ messages: [user(textOf('This is a simple prompt for testing.'))] }) },
  test_prompt_with_arguments: {
    args: ['arg1', 'arg2'],
    work: ({ arg1, arg2 }) => ({
      messages: [user(textOf(`Prompt with arguments: arg1='${String(arg1)}', arg2='${String(arg2)}'`))],
    }),
  },
  test_prompt_with_embedded_resource: {
    args: ['resourceUri'],
    work: ({ resourceUri }) => ({
      messages: [
        user(textResource(String(resourceUri), 'Embedded resource content for testing.')),
        user(textOf('Please process the embedded resource above.')),
      ],
    }),
  },
  test_prompt_with_image: {
    work: () => ({ messages: [user(image), user(textOf('Please analyze the image above.'))] }),
  },
  test_input_required_result_prompt: {
    async work(_, asker) {
      const question = form('What context should the prompt use?', { context: { type: 'string' } });
      const { user_context } = await asker.ask({ user_context: question });
      return { messages: [user(textOf(JSON.stringify(user_context)))] };
    },
  },
};

export const resources: Record<string, Record<string, string>> = {
  'test://static-text': {
    mimeType: 'text/plain',
    text: 'This is the content of the static text resource.',
  },
  'test://static-binary': { mimeType: 'image/png', blob: png },
  'test://watched-resource': { mimeType: 'text/plain', text: 'Watched resource content' },
};
export const template = 'test://template/{id}/data';

export function readResource(uri: string): Record<string, string> | null {
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (id !== undefined)
    return {
      mimeType: 'application/json',
      text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
    };
  return Object.hasOwn(resources, uri) ? resources[uri]! : null;
}

export const capabilities = {
  tools: { listChanged: true },
  resources: { subscribe: true, listChanged: true },
  prompts: { listChanged: true },
  completions: {},
  logging: {},
};

export const toolList = Object.entries(tools).map(([name, { properties = {} }]) => ({
  name,
  description: `A tool of the fixture: ${name}.`,
  inputSchema: { type: 'object' as const, properties, required: Object.keys(properties) },
}));
export const promptList = Object.entries(prompts).map(([name, { args = [] }]) => ({
  name,
  description: `A prompt of the fixture: ${name}.`,
  arguments: args.map((arg) => ({ name: arg, description: 'Of the test.', required: true })),
}));
export const resourceList = Object.entries(resources).map(([uri, { mimeType }]) => ({
  uri,
  name: uri.slice('test://'.length),
  description: `A resource of the fixture: ${uri}.`,
  mimeType,
}));
