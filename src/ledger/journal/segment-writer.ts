import type * as fs from 'node:fs';
import { join } from 'node:path';
import { frameRoom, frameType, renderFrame } from './frame.ts';
import { renderSegmentName, type SegmentIdentity } from './segment-name.ts';

/** What a segment needs of a file system. */
export type SegmentFiles = Pick<
  typeof fs,
  | 'openSync'
  | 'writeSync'
  | 'fdatasyncSync'
  | 'fsyncSync'
  | 'ftruncateSync'
  | 'closeSync'
  | 'renameSync'
  | 'unlinkSync'
>;

export const segmentMagic = Buffer.from('SLUICEJ\n', 'latin1');

/** One segment file while it is written. Only whole batches are ever left in it. */
export class SegmentWriter {
  readonly #files: SegmentFiles;
  readonly #directory: string;
  readonly #identity: SegmentIdentity;
  readonly #path: string;
  readonly #fd: number;
  readonly #headerBytes: number;
  #bytes = 0;
  #trusted = true;
  /** Is the file's name on the disk? */
  #isNamed = false;

  /** Creates the file and writes its header. @throws the file system's error; no file is left behind then. */
  constructor(files: SegmentFiles, directory: string, identity: SegmentIdentity) {
    this.#files = files;
    this.#directory = directory;
    this.#identity = identity;
    this.#path = join(directory, renderSegmentName({ ...identity, sealed: false, trustedBytes: null }));
    this.#fd = files.openSync(this.#path, 'wx', 0o600);
    const payload = JSON.stringify(identity);
    const header = Buffer.alloc(segmentMagic.length + frameRoom(payload.length));
    segmentMagic.copy(header);
    const end = renderFrame(header, segmentMagic.length, { type: frameType.segment, payload });
    this.#headerBytes = end;
    try {
      this.append(header, end);
    } catch (error) {
      this.#discard();
      throw error;
    }
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Writes the first `length` bytes of `batch`, and when `isSynced` brings them to the disk: all of them, or none that a
   * reader would trust. After an error the segment takes no more and must be sealed. @throws the file system's error.
   */
  append(batch: Buffer, length: number, isSynced = false): void {
    let written = 0;
    try {
      // A disk that fills up shows as a short write first; the next one names the error.
      while (written < length) {
        const step = this.#files.writeSync(this.#fd, batch, written, length - written, this.#bytes + written);
        if (step === 0) throw new Error('wrote 0 bytes');
        written += step;
      }
      if (isSynced) this.#sync();
      this.#bytes += length;
    } catch (error) {
      if (written > 0) this.#cutBack();
      throw error;
    }
  }

  /**
   * Closes the file under its final name and returns its path; null when there is nothing in it to keep, or nothing
   * that can be told from what must not be believed. Never throws: what was written stays readable under either name.
   */
  seal(): string | null {
    if (this.#bytes <= this.#headerBytes) {
      this.#discard();
      return null;
    }
    const trustedBytes = this.#trusted ? null : this.#bytes;
    const name = renderSegmentName({ ...this.#identity, sealed: true, trustedBytes });
    const sealed = join(this.#directory, name);
    try {
      this.#files.closeSync(this.#fd);
      this.#files.renameSync(this.#path, sealed);
      return sealed;
    } catch {
      return this.#trusted ? this.#path : null;
    }
  }

  #sync(): void {
    this.#files.fdatasyncSync(this.#fd);
    if (this.#isNamed) return;
    // The name of a new file is on the disk only when its folder is.
    const folder = this.#files.openSync(this.#directory, 'r');
    try {
      this.#files.fsyncSync(folder);
    } finally {
      this.#files.closeSync(folder);
    }
    this.#isNamed = true;
  }

  #cutBack(): void {
    try {
      this.#files.ftruncateSync(this.#fd, this.#bytes);
    } catch {
      // Whole frames of the failed batch may be on disk: the sealed name says how far the file is to be believed.
      this.#trusted = false;
    }
  }

  #discard(): void {
    try {
      this.#files.closeSync(this.#fd);
      this.#files.unlinkSync(this.#path);
    } catch {
      // An empty segment that stays behind is read as no records.
    }
  }
}
