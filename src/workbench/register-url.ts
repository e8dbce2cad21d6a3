/** For `node --import`: lets tests import the package by its name, wherever they lie. */
export const registerUrl: string = new URL(
  import.meta.filename.endsWith('.ts') ? './register.ts' : './register.js',
  import.meta.url,
).href;
