import type { RegisterHooksOptions } from 'node:module';
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { PolicySources } from '#core/policy-files.ts';

const own = (name: string): string =>
  new URL(`./${name}${import.meta.filename.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url).href;

/** What policies import by the package's name, wherever they lie. */
const published: Readonly<Record<string, string>> = { 'sluice/policy': own('policy') };

/**
 * Where the texts of an edition stand, as modules see it. There is no such folder: a text that has changed is another module, since
 * modules are loaded once in the life of a thread.
 */
export const editionUrl = ({ folder, digest }: PolicySources): string =>
  `${pathToFileURL(folder).href}/.edition-${digest.slice(0, 16)}/`;

const formats: Readonly<Record<string, string>> = {
  ts: 'module-typescript',
  mts: 'module-typescript',
  js: 'module',
  mjs: 'module',
  json: 'json',
};

/** Modules of one edition come from its texts; all others from where they always do. */
export function hooksOf(sources: PolicySources): RegisterHooksOptions {
  const base = editionUrl(sources);
  return {
    resolve(specifier, context, next) {
      const api = published[specifier];
      if (api !== undefined) return { url: api, shortCircuit: true };
      const url = urlOf(specifier, context.parentURL);
      if (!url?.startsWith(base)) return next(specifier, context);
      const path = decodeURI(url.slice(base.length));
      if (Object.hasOwn(sources.files, path)) return { url, format: formatOf(path), shortCircuit: true };
      throw Object.assign(new Error(`there is no file ${path} in the folder`), {
        code: 'ERR_MODULE_NOT_FOUND',
      });
    },
    load(url, context, next) {
      if (!url.startsWith(base)) return next(url, context);
      const path = decodeURI(url.slice(base.length));
      return { format: formatOf(path), source: sources.files[path]!, shortCircuit: true };
    },
  };
}

function urlOf(specifier: string, parent: string | undefined): string | null {
  if (specifier.startsWith('file:')) return specifier;
  // As `require` has it.
  if (isAbsolute(specifier)) return pathToFileURL(specifier).href;
  return /^\.{1,2}\//.test(specifier) && parent !== undefined ? new URL(specifier, parent).href : null;
}

const formatOf = (path: string): string => formats[path.slice(path.lastIndexOf('.') + 1)] ?? 'module';
