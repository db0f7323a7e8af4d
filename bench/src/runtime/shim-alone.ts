import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../libs/base/src/index.js';
import { Cgroups } from '../../../libs/runtime/src/cgroup/cgroups.js';
import type { ContainerConfig } from '../../../libs/runtime/src/container-config.js';
import { probeHost } from '../../../libs/runtime/src/host-facts.js';
import { compileProcess, compileSandbox } from '../../../libs/runtime/src/launch-program.js';
import { convertSpec } from '../../../libs/runtime/src/oci/convert.js';
import { convertResources } from '../../../libs/runtime/src/oci/resources.js';
import type { OciSpec } from '../../../libs/runtime/src/oci/spec.js';
import { encodeProgram } from '../../../libs/runtime/src/operations.js';
import { seccompProgram } from '../../../libs/runtime/src/seccomp/filter.js';
import type { ShimConnection } from '../../../libs/runtime/src/shim-connection.js';
import { Zygote } from '../../../libs/runtime/src/zygote.js';

export interface ShimTimes {
  /** From the first byte of the launch program to the news of the exit, which comes after `exit.json`: with mounting the overlay. */
  launchToExitMs: number;
  /** Making its cgroups with their limits. */
  cgroupsMadeMs: number;
  /** Removing them. */
  cgroupsRemovedMs: number;
}

/** Runs the first process of an OCI spec with the shim and nothing around it. */
export class ShimAlone {
  readonly #cgroups: Cgroups;
  readonly #facts;
  readonly #zygote: Zygote;
  #count = 0;

  constructor(
    shimPath: string,
    /** In memory, as /run/shoal: a folder per container. */
    readonly directory: string,
    /** On the disk: the writable layers. */
    readonly layers: string,
    readonly lower: string,
    readonly spec: OciSpec,
  ) {
    this.#facts = probeHost(shimPath);
    this.#cgroups = new Cgroups(this.#facts.cgroups, 'shoal-bench-shim', systemClock, shimPath);
    this.#zygote = new Zygote(shimPath, directory, () => undefined);
  }

  async close(): Promise<void> {
    await this.#zygote.close();
    this.#cgroups.close();
  }

  async run(): Promise<ShimTimes> {
    const id = `bench-${this.#count++}`;
    const directory = join(this.directory, id);
    const layer = join(this.layers, id);
    for (const path of [join(directory, 'rootfs'), join(layer, 'upper'), join(layer, 'work')]) mkdirSync(path, { recursive: true });
    const beforeGroups = performance.now();
    const placement = this.#cgroups.create(id, convertResources(this.spec.linux!.resources!));
    const cgroupsMadeMs = performance.now() - beforeGroups;
    const place = { id, bundle: directory, directory, cgroupPath: `/shoal-bench-shim/${id}`, preservedDescriptors: 0, hostEnvironment: [] };
    const config = convertSpec(this.spec, place, this.#facts, placement);
    config.root.overlay = { lowerDirs: [this.lower], upperDir: join(layer, 'upper'), workDir: join(layer, 'work'), appendLayers: true };
    const launchToExitMs = await this.#launch(config);
    const beforeRemoval = performance.now();
    await this.#cgroups.remove(id);
    const cgroupsRemovedMs = performance.now() - beforeRemoval;
    for (const path of [directory, layer]) rmSync(path, { recursive: true, force: true });
    return { launchToExitMs, cgroupsMadeMs, cgroupsRemovedMs };
  }

  /**
   * The user is a number, as in every bundle, so no file of the container is asked for and the whole program, the word to start too, is
   * encoded and sent at once: what the clock sees is the zygote, the shim and the container.
   */
  async #launch(config: ContainerConfig): Promise<number> {
    const user = { uid: 0, gid: 0, groups: [], home: '/root' };
    const seccomp = seccompProgram(config.seccomp, config.capabilities.bounding, this.#facts);
    const program = encodeProgram([...compileSandbox(config), ...compileProcess(config, user, seccomp), ['go']]);
    await this.#zygote.start();
    const startedMs = performance.now();
    let connection: ShimConnection | undefined;
    const ended = new Promise<number>((resolve, reject) => {
      const listener = {
        event: (event: { event: string }) => {
          if (event.event === 'exited') resolve(performance.now());
          else if (event.event !== 'created' && event.event !== 'started') reject(new Error(JSON.stringify(event)));
        },
        closed: () => reject(new Error('the shim went away')),
      };
      this.#zygote.connect(listener).then((it) => {
        connection = it;
        it.socket.write(program);
      }, reject);
    });
    const endedMs = await ended;
    connection!.close();
    return endedMs - startedMs;
  }
}
