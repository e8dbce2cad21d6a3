import type { Passage } from '../passage.ts';

/** Whose is what a caller has made: a project's; callers whom nobody identifies share one. */
export const ownerOf = ({ exchange }: Passage): string => exchange.consumer?.project ?? '';
