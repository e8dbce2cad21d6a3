import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

export interface Programs {
  readonly upstream: string;
  readonly load: string;
}

/**
 * Compiles the two C programs into `bench/build`; quick enough to do each time, so that they are never stale.
 * @throws Error with the compiler's words.
 */
export function buildPrograms(benchDirectory: string): Programs {
  const buildDirectory = join(benchDirectory, 'build');
  mkdirSync(buildDirectory, { recursive: true });
  const build = (name: string): string => {
    const program = join(buildDirectory, name);
    execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-o', program, join(benchDirectory, `${name}.c`)], {
      stdio: 'inherit',
    });
    return program;
  };
  return { upstream: build('upstream'), load: build('load') };
}
