/** The peer sent something that is not valid HTTP/1.1. The message completes the sentence "it sent …". */
export class ProtocolError extends Error {
  override readonly name: string = 'ProtocolError';
}

/** A message head beyond the limit. */
export class HeadTooLarge extends ProtocolError {
  override readonly name = 'HeadTooLarge';

  constructor(maxBytes: number) {
    super(`a head of over ${maxBytes} bytes`);
  }
}
