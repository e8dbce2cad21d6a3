/** Where OpenAI's operations stand: its own, a deployment's on the other cloud, and that cloud's newer surface. */
export const places = ['/v1', '/openai/deployments/{model}', '/openai/v1'];
