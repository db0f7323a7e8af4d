import type { ContainerOperation } from '../../../../libs/model/src/index.js';
import type { ContainerFiles } from '../../../../libs/runtime/src/archive/container-files.js';
import type { Channel } from './channel.js';

/** A path of the container as a tar; what stands there is told first. */
export async function readArchive(path: string, id: string, channel: Channel, files: ContainerFiles): Promise<void> {
  const { stat, tar } = await files.readArchive(id, path, channel.signal);
  await channel.started(stat);
  for await (const piece of tar) await channel.output('stdout', piece);
}

export async function exportRoot(id: string, channel: Channel, files: ContainerFiles): Promise<void> {
  const tar = await files.exportRoot(id, channel.signal);
  await channel.started({});
  for await (const piece of tar) await channel.output('stdout', piece);
}

/** Unpacks what the user sends below a directory of the container. */
export async function writeArchive(
  { path, noOverwriteDirNonDir, copyUidGid }: Extract<ContainerOperation, { kind: 'write-archive' }>,
  id: string,
  channel: Channel,
  files: ContainerFiles,
): Promise<void> {
  await channel.started({});
  await files.writeArchive(id, path, inputOf(channel), { noOverwriteDirNonDir, copyUidGid }, channel.signal);
}

/** Ends early, with an error, when the user is gone: half an archive is not a whole one. */
async function* inputOf(channel: Channel): AsyncGenerator<Buffer> {
  for await (const message of channel.input) {
    if (message.data) yield Buffer.from(message.data);
    else if (message.end) return;
  }
  throw new Error('the connection broke before the end of the archive');
}
