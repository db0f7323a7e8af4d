import type { VolumeFacts } from '../../../model/src/index.js';
import type { Volume, Volumes, VolumeWish } from './volumes.js';

/** The volumes of one node, for whoever looks after them: in turn with the containers that use them. */
export class NodeVolumes {
  constructor(
    private readonly volumes: Volumes,
    /** Runs the job when no container is about to take, or to leave, the volume. */
    private readonly inTurn: <T>(name: string, job: () => Promise<T>) => Promise<T>,
  ) {}

  /** By name. */
  list(): VolumeFacts[] {
    return this.volumes.list().map((volume) => this.#facts(volume));
  }

  /** Makes it, or finds it. `Refused` when it exists with other options. */
  create(wish: VolumeWish): Promise<VolumeFacts> {
    return this.inTurn(wish.name, async () => this.#facts(this.volumes.ensure(wish).volume));
  }

  /** `Refused('in-use')` with who uses it; succeeds when there is none. */
  remove(name: string): Promise<void> {
    return this.inTurn(name, () => this.volumes.remove(name));
  }

  #facts({ name, options, labels, createdAt, mountPoint, anonymous }: Volume): VolumeFacts {
    return { name, options, labels, createdAt, mountPoint, anonymous, users: this.volumes.usersOf(name) };
  }
}
