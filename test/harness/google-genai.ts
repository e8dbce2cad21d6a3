/** Its declarations do not stand beside its code: this names both. */
import { createRequire } from 'node:module';

type Package = typeof import('../clients/node_modules/@google/genai/dist/genai.d.ts');
const load = createRequire(new URL('../clients/package.json', import.meta.url));

export const { GoogleGenAI, ApiError, FunctionCallingConfigMode } = load('@google/genai') as Package;
