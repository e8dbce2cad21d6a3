/** Media are named here by the ends of their files' names. */
const images = ['png', 'jpeg', 'gif', 'webp'];
const videos: Readonly<Record<string, string>> = {
  mp4: 'video/mp4',
  mov: 'video/quicktime',
  mkv: 'video/x-matroska',
  webm: 'video/webm',
  flv: 'video/x-flv',
  mpeg: 'video/mpeg',
  wmv: 'video/x-ms-wmv',
  three_gp: 'video/3gpp',
};
const documents: Readonly<Record<string, string>> = {
  pdf: 'application/pdf',
  csv: 'text/csv',
  doc: 'application/msword',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  xls: 'application/vnd.ms-excel',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  html: 'text/html',
  txt: 'text/plain',
  md: 'text/markdown',
};

const keyOf = (of: Readonly<Record<string, string>>, mediaType: string): string | null =>
  Object.keys(of).find((key) => of[key] === mediaType.split(';')[0]) ?? null;

export const imageFormat = (mediaType: string): string | null => {
  const format = mediaType === 'image/jpg' ? 'jpeg' : /^image\/(\w+)$/.exec(mediaType)?.[1];
  return format !== undefined && images.includes(format) ? format : null;
};
export const videoFormat = (mediaType: string): string | null => keyOf(videos, mediaType);
export const documentFormat = (mediaType: string): string | null => keyOf(documents, mediaType);

export const imageType = (format: string): string => `image/${format}`;
export const videoType = (format: string): string => videos[format] ?? `video/${format}`;
export const documentType = (format: string): string => documents[format] ?? 'application/octet-stream';
