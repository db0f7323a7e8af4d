import { Refused, systemClock } from '../../../../libs/base/src/index.js';
import type { CommitOperation, ContainerSpec } from '../../../../libs/model/src/index.js';
import type { Runtime } from '../../../../libs/runtime/src/runtime.js';
import type { ContainerPorts } from './operations.js';

/** Makes an image of what a container has written, in the store of this node. */
export async function commit(
  { reference, comment, author, changes, pause }: CommitOperation,
  id: string,
  { runtime, files, images, taskOf }: ContainerPorts,
  signal: AbortSignal,
): Promise<{ imageId: string }> {
  const spec = taskOf(id)?.spec;
  const base = spec && (await images.find(spec.image));
  if (!base) throw new Refused('not-found', `the image of container ${id} is not on this node any more: there is nothing to add its files to`);
  const { id: imageId } = await whilePaused(pause, id, runtime, async () =>
    images.commit({
      base,
      layer: await files.writableLayer(id, signal),
      ...(reference && { reference }),
      ...(author && { author }),
      ...(comment && { message: comment }),
      config: runConfig(spec, base.config.env),
      changes,
      createdBy: [...(spec.command ?? base.config.entrypoint), ...(spec.args ?? base.config.cmd)].join(' '),
      createdAtMs: systemClock.wallMs(),
      signal,
    }),
  );
  return { imageId };
}

/** Files that are written meanwhile would be half in the image. */
async function whilePaused<T>(pause: boolean, id: string, runtime: Runtime, work: () => Promise<T>): Promise<T> {
  const status = await runtime.status(id);
  if (!pause || status?.state !== 'running') return work();
  await runtime.pause(id);
  try {
    return await work();
  } finally {
    await runtime.resume(id);
  }
}

/** How the container was run, where its service says so. */
function runConfig(spec: ContainerSpec, imageEnv: readonly string[]): Record<string, unknown> {
  return {
    ...(spec.env.length > 0 && { Env: [...imageEnv, ...spec.env] }),
    ...(spec.command && { Entrypoint: spec.command }),
    ...(spec.args && { Cmd: spec.args }),
    ...(spec.user && { User: spec.user }),
    ...(spec.dir && { WorkingDir: spec.dir }),
    ...(spec.stopSignal && { StopSignal: spec.stopSignal }),
  };
}
