import type { FileHandle } from 'node:fs/promises';

/** Writes all bytes at `position` (or where the file stands); one write call may take fewer. */
export async function writeFully(file: FileHandle, bytes: Buffer, position: number | null): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position === null ? null : position + done);
    done += bytesWritten;
  }
}
