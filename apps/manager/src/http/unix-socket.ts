import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { dirname, join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Refused } from '../../../../libs/base/src/index.js';

/**
 * Listens on a socket file that only its owner may use. It is made in a folder that nobody else can enter and then
 * moved into place, so that no instant exists in which others could connect, and a stale file of a killed manager is replaced.
 * Returns how to remove it. Throws `Refused('precondition')` when somebody answers there.
 */
export async function listenOnSocket(app: NestFastifyApplication, path: string): Promise<() => Promise<void>> {
  if (await isAnswered(path)) throw new Refused('precondition', `another process listens on ${path}; stop it, or choose another socket`);
  await mkdir(dirname(path), { recursive: true });
  const privateFolder = await mkdtemp(join(dirname(path), '.socket-'));
  const privatePath = join(privateFolder, 's');
  try {
    await app.listen({ path: privatePath } as never);
    await chmod(privatePath, 0o600);
    await rename(privatePath, path);
  } finally {
    await rm(privateFolder, { recursive: true, force: true });
  }
  return () => rm(path, { force: true });
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
