/** How a client of each dialect says the same things, written after the vendors' documents and shared with nothing in src/. */

export interface Wish {
  readonly model: string;
  readonly stream: boolean;
  /** What the user says last. */
  readonly text: string;
  readonly system?: string;
  /** An exchange before: what was asked and answered. */
  readonly earlier?: readonly [string, string];
  /** Offers the tools below. */
  readonly tools?: true;
  /** Calls of those that were made after the user's text, and what came of them. */
  readonly results?: readonly {
    readonly id: string;
    readonly name: string;
    readonly city: string;
    readonly result: string;
  }[];
  readonly maxTokens?: number;
  /** Wants JSON with a text "city". */
  readonly structured?: true;
}

export interface DialectClient {
  path(wish: Wish): string;
  readonly headers?: Readonly<Record<string, string>>;
  body(wish: Wish): object;
  /** False where there are no such things. */
  readonly hasTools?: false;
  readonly hasSystem?: false;
  readonly hasSchema?: false;
}

const schema = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
const names = ['get_weather', 'get_time'];
const describe = (name: string) => `${name} of a city`;

const openaiTools = names.map((name) => ({
  type: 'function',
  function: { name, description: describe(name), parameters: schema },
}));

/** The turns of a chat in the words of OpenAI, which some others share. */
function chatMessages({ system, earlier, text, results }: Wish, forOllama = false): object[] {
  const call = ({ id, name, city }: NonNullable<Wish['results']>[number]) =>
    forOllama
      ? { function: { name, arguments: { city } } }
      : { id, type: 'function', function: { name, arguments: JSON.stringify({ city }) } };
  return [
    ...(system ? [{ role: 'system', content: system }] : []),
    ...(earlier
      ? [
          { role: 'user', content: earlier[0] },
          { role: 'assistant', content: earlier[1] },
        ]
      : []),
    { role: 'user', content: text },
    ...(results
      ? [
          { role: 'assistant', content: '', tool_calls: results.map(call) },
          ...results.map(({ id, name, result }) => ({
            role: 'tool',
            content: result,
            ...(forOllama ? { tool_name: name } : { tool_call_id: id }),
          })),
        ]
      : []),
  ];
}

const only = (condition: unknown, fields: object): object => (condition ? fields : {});

export const dialectClients: Readonly<Record<string, DialectClient>> = {
  'openai-chat': {
    path: () => '/v1/chat/completions',
    body: (wish) => ({
      model: wish.model,
      messages: chatMessages(wish),
      ...only(wish.stream, { stream: true, stream_options: { include_usage: true } }),
      ...only(wish.maxTokens, { max_completion_tokens: wish.maxTokens }),
      ...only(wish.tools, { tools: openaiTools }),
      ...only(wish.structured, {
        response_format: { type: 'json_schema', json_schema: { name: 'place', schema, strict: true } },
      }),
    }),
  },
  'openai-completions': {
    path: () => '/v1/completions',
    hasTools: false,
    hasSystem: false,
    hasSchema: false,
    body: (wish) => ({
      model: wish.model,
      prompt: wish.text,
      ...only(wish.stream, { stream: true, stream_options: { include_usage: true } }),
      ...only(wish.maxTokens, { max_tokens: wish.maxTokens }),
    }),
  },
  'openai-responses': {
    path: () => '/v1/responses',
    body: (wish) => ({
      model: wish.model,
      store: false,
      stream: wish.stream,
      input: [
        ...(wish.earlier
          ? [
              { role: 'user', content: wish.earlier[0] },
              { role: 'assistant', content: wish.earlier[1] },
            ]
          : []),
        { role: 'user', content: wish.text },
        ...(wish.results ?? []).map(({ id, name, city }) => ({
          type: 'function_call',
          call_id: id,
          name,
          arguments: JSON.stringify({ city }),
        })),
        ...(wish.results ?? []).map(({ id, result }) => ({
          type: 'function_call_output',
          call_id: id,
          output: result,
        })),
      ],
      ...only(wish.system, { instructions: wish.system }),
      ...only(wish.maxTokens, { max_output_tokens: wish.maxTokens }),
      ...only(wish.tools, {
        tools: names.map((name) => ({
          type: 'function',
          name,
          description: describe(name),
          parameters: schema,
          strict: true,
        })),
      }),
      ...only(wish.structured, {
        text: { format: { type: 'json_schema', name: 'place', schema, strict: true } },
      }),
    }),
  },
  'anthropic-messages': {
    path: () => '/v1/messages',
    headers: { 'anthropic-version': '2023-06-01' },
    body: (wish) => ({
      model: wish.model,
      max_tokens: wish.maxTokens ?? 1000,
      stream: wish.stream,
      ...only(wish.system, { system: wish.system }),
      messages: [
        ...(wish.earlier
          ? [
              { role: 'user', content: wish.earlier[0] },
              { role: 'assistant', content: wish.earlier[1] },
            ]
          : []),
        { role: 'user', content: wish.text },
        ...(wish.results
          ? [
              {
                role: 'assistant',
                content: wish.results.map(({ id, name, city }) => ({
                  type: 'tool_use',
                  id,
                  name,
                  input: { city },
                })),
              },
              {
                role: 'user',
                content: wish.results.map(({ id, result }) => ({
                  type: 'tool_result',
                  tool_use_id: id,
                  content: result,
                })),
              },
            ]
          : []),
      ],
      ...only(wish.tools, {
        tools: names.map((name) => ({ name, description: describe(name), input_schema: schema })),
      }),
      ...only(wish.structured, { output_config: { format: { type: 'json_schema', schema } } }),
    }),
  },
  'gemini-generate': {
    path: ({ model, stream }) =>
      `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    body: (wish) => ({
      contents: [
        ...(wish.earlier
          ? [
              { role: 'user', parts: [{ text: wish.earlier[0] }] },
              { role: 'model', parts: [{ text: wish.earlier[1] }] },
            ]
          : []),
        { role: 'user', parts: [{ text: wish.text }] },
        ...(wish.results
          ? [
              {
                role: 'model',
                // The calls are not the model's own: this is how its vendor wants that said.
                parts: wish.results.map(({ id, name, city }) => ({
                  functionCall: { id, name, args: { city } },
                  thoughtSignature: 'skip_thought_signature_validator',
                })),
              },
              {
                role: 'user',
                parts: wish.results.map(({ id, name, result }) => ({
                  functionResponse: { id, name, response: { result } },
                })),
              },
            ]
          : []),
      ],
      ...only(wish.system, { systemInstruction: { parts: [{ text: wish.system }] } }),
      ...only(wish.tools, {
        tools: [
          {
            functionDeclarations: names.map((name) => ({
              name,
              description: describe(name),
              parametersJsonSchema: schema,
            })),
          },
        ],
      }),
      ...only(wish.maxTokens ?? wish.structured, {
        generationConfig: {
          ...only(wish.maxTokens, { maxOutputTokens: wish.maxTokens }),
          ...only(wish.structured, { responseMimeType: 'application/json', responseJsonSchema: schema }),
        },
      }),
    }),
  },
  'cohere-chat': {
    path: () => '/v2/chat',
    body: (wish) => ({
      model: wish.model,
      stream: wish.stream,
      messages: chatMessages(wish).map((message) => {
        const { content, ...rest } = message as { content?: string; tool_calls?: unknown };
        return rest.tool_calls ? rest : { ...rest, content };
      }),
      ...only(wish.maxTokens, { max_tokens: wish.maxTokens }),
      ...only(wish.tools, { tools: openaiTools }),
      ...only(wish.structured, { response_format: { type: 'json_object', json_schema: schema } }),
    }),
  },
  'ollama-chat': {
    path: () => '/api/chat',
    body: (wish) => ({
      model: wish.model,
      stream: wish.stream,
      messages: chatMessages(wish, true),
      ...only(wish.maxTokens, { options: { num_predict: wish.maxTokens } }),
      ...only(wish.tools, { tools: openaiTools }),
      ...only(wish.structured, { format: schema }),
    }),
  },
  'bedrock-converse': {
    path: ({ model, stream }) => `/model/${encodeURIComponent(model)}/converse${stream ? '-stream' : ''}`,
    body: (wish) => ({
      messages: [
        ...(wish.earlier
          ? [
              { role: 'user', content: [{ text: wish.earlier[0] }] },
              { role: 'assistant', content: [{ text: wish.earlier[1] }] },
            ]
          : []),
        { role: 'user', content: [{ text: wish.text }] },
        ...(wish.results
          ? [
              {
                role: 'assistant',
                content: wish.results.map(({ id, name, city }) => ({
                  toolUse: { toolUseId: id, name, input: { city } },
                })),
              },
              {
                role: 'user',
                content: wish.results.map(({ id, result }) => ({
                  toolResult: { toolUseId: id, content: [{ text: result }] },
                })),
              },
            ]
          : []),
      ],
      ...only(wish.system, { system: [{ text: wish.system }] }),
      ...only(wish.maxTokens, { inferenceConfig: { maxTokens: wish.maxTokens } }),
      ...only(wish.tools, {
        toolConfig: {
          tools: names.map((name) => ({
            toolSpec: { name, description: describe(name), inputSchema: { json: schema } },
          })),
        },
      }),
      ...only(wish.structured, {
        outputConfig: {
          textFormat: {
            type: 'json_schema',
            structure: { jsonSchema: { schema: JSON.stringify(schema), name: 'place' } },
          },
        },
      }),
    }),
  },
};

/** Sends a wish as a client of the dialect says it. */
export function sendWish(
  { url, key }: { readonly url: string; readonly key: string },
  dialect: string,
  { wish, signal }: { readonly wish: Wish; readonly signal?: AbortSignal },
): Promise<Response> {
  const client = dialectClients[dialect]!;
  return fetch(`${url}${client.path(wish)}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...client.headers },
    body: JSON.stringify(client.body(wish)),
    ...(signal ? { signal } : {}),
  });
}
