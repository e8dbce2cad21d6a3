const inEdition = /(?:file:\/\/)?[^\s()'"]*\/\.edition-[0-9a-f]{16}\/([^\s()'":]+):(\d+)(?::(\d+))?/;
const edition = /(?:file:\/\/)?([^\s()'"]*)\/\.edition-[0-9a-f]{16}\//g;

/** Paths as they are on the disk, for people. */
export const cleanStack = (text: string): string => text.replace(edition, '$1/');

/** The innermost place in a policy's own file that an error's stack names. */
export function placeIn(error: Error): { file?: string; line?: number; column?: number } {
  const match = inEdition.exec(error.stack ?? '');
  if (!match) return {};
  return {
    file: decodeURI(match[1]!),
    line: Number(match[2]),
    ...(match[3] === undefined ? {} : { column: Number(match[3]) }),
  };
}

/** Was it thrown by the code of a policy? */
export const isOfPolicy = (thrown: unknown): boolean =>
  thrown instanceof Error && inEdition.test(thrown.stack ?? '');
