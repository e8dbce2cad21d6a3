/** The upstream sent something that is not valid HTTP/1.1. The message completes the sentence "it sent …". */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}
