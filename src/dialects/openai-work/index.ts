import type { Dialect } from '#core/contracts/dialect.ts';
import { openaiSpeech, openaiTranscriptions } from './audio.ts';
import { openaiImages } from './images.ts';
import { openaiModerations } from './moderations.ts';

/** What OpenAI's models do besides, beside its chat. */
export const openaiWork = (chat: Dialect): readonly Dialect[] => [
  openaiImages(chat),
  openaiSpeech(chat),
  openaiTranscriptions(chat),
  openaiModerations(chat),
];
