import { isRefused, isTemporary } from '../../base/src/index.js';
import { createServiceChanges, isTerminal, orderChanges, stackLabel, updateServiceChanges, type Change, type ClusterView, type Node, type Service, type ServiceSpec } from '../../model/src/index.js';
import { planStack } from '../../stack/src/index.js';
import { specOf, type Recipe } from './recipe.js';
import type { Happening } from './story.js';
import type { World } from './world.js';

const patienceMs = 30_000;
const retryMs = 400;
const answerWithinMs = 5_000;

/** The changes that a wish comes to, on what the manager shows; none when there is nothing to do. */
type Wish = (view: ClusterView) => Change[];

/** What users do: through the API of any manager that answers, again and again until it is done or refused. */
export class Users {
  readonly #dice;

  constructor(
    private readonly world: World,
    /** A user was told that these changes are stored. */
    private readonly onStored: (changes: readonly Change[]) => void,
  ) {
    this.#dice = world.dice.for('users');
  }

  /** The user's part of a story; undefined for all that no user does. */
  wishOf(event: Happening): Wish | undefined {
    switch (event.kind) {
      case 'deploy':
        return (view) => this.#deploy(view, event.service, event.recipe);
      case 'deploy-stack':
        return (view) => this.#deployStack(view, event.recipes, event.prune);
      case 'order':
        return (view) => {
          const service = view.named('service', event.service);
          return service ? orderChanges(view, service, event.order, this.world.clock.wallMs()) : [];
        };
      case 'scale':
        return onService(event.service, (spec) => (spec.mode.kind === 'replicated' ? { ...spec, mode: { ...spec.mode, replicas: event.replicas } } : spec));
      case 'image':
        return onService(event.service, (spec) => ({ ...spec, template: { ...spec.template, container: { ...spec.template.container, image: event.image } } }));
      case 'restart':
        return onService(event.service, (spec) => ({ ...spec, template: { ...spec.template, forceUpdate: spec.template.forceUpdate + 1 } }));
      case 'roll-back':
        return (view) => this.#rollBack(view, view.named('service', event.service));
      case 'remove':
        return (view) => {
          const service = view.named('service', event.service);
          return service ? [{ action: 'remove', kind: 'service', id: service.id }] : [];
        };
      case 'availability':
        return onNode(event.node, (node) => ({ ...node.spec, availability: event.availability }));
      case 'label':
        return onNode(event.node, (node) => ({ ...node.spec, labels: { ...node.spec.labels, disk: event.disk } }));
      default:
        return undefined;
    }
  }

  /** Resolves when the wish is fulfilled, refused, or given up. Who adds and removes nodes does not give up. */
  async ask(wish: Wish, untilMs = Infinity): Promise<void> {
    const { clock } = this.world;
    while (clock.monotonicMs() < untilMs) {
      if (await this.#askOnce(wish)) return;
      await clock.sleep(retryMs);
    }
  }

  /** Asked in the background, with some patience. */
  start(wish: Wish, onBug: (what: string) => void): void {
    this.ask(wish, this.world.nowMs + patienceMs).catch((error: unknown) => onBug(`a user's change: ${(error as Error).stack}`));
  }

  /** Of a manager; it may die over it, and never answer. False: worth another try. */
  async #askOnce(wish: Wish): Promise<boolean> {
    const { clock, managers } = this.world;
    const { store } = this.#dice.pick(managers);
    if (!store?.view().cluster) return false;
    try {
      const changes = wish(store.view());
      if (changes.length === 0) return true;
      const isStored = await Promise.race([store.commit(changes).then(() => true), clock.sleep(answerWithinMs).then(() => false)]);
      if (isStored) this.onStored(changes);
      return isStored;
    } catch (error) {
      if (isTemporary(error) || isRefused(error, 'conflict') || isRefused(error, 'already-exists')) return false;
      if (isRefused(error)) return true;
      throw error;
    }
  }

  removeNode(nodeId: string): Wish {
    return (view) => {
      const node = view.get('node', nodeId);
      return node ? [{ action: 'remove', kind: 'node', id: nodeId }, ...orphans(view, nodeId, this.world.timestamp())] : [];
    };
  }

  #deploy(view: ClusterView, name: string, recipe: Recipe): Change[] {
    const spec = specOf(name, recipe);
    const service = view.named('service', name);
    if (!service) return createServiceChanges(this.#dice.random.id(), spec);
    return updateServiceChanges(view, service, { ...spec, mode: keptMode(view, spec) }, { expect: service.version });
  }

  /** Like the API: nothing is written while the plan has problems. */
  #deployStack(view: ClusterView, recipes: Record<string, Recipe>, prune: boolean): Change[] {
    const services = Object.entries(recipes).map(([name, recipe]) => labelled(specOf(name, recipe)));
    const kept = services.map((spec) => ({ ...spec, mode: keptMode(view, spec) }));
    const spec = { name: stackName, services: kept, networks: [], secrets: [], configs: [], external: { networks: [], secrets: [], configs: [] } };
    const { problems, writes } = planStack(view, spec, { prune, random: this.#dice.random, contents: noContents });
    return problems.length > 0 ? [] : writes;
  }

  #rollBack(view: ClusterView, service: Service | undefined): Change[] {
    if (!service?.previousSpec) return [];
    const update = { state: 'rollback_started', startedAt: this.world.timestamp(), message: 'manually requested rollback' } as const;
    return updateServiceChanges(view, service, service.previousSpec, { expect: service.version, update });
  }
}

const stackName = 'app';

function labelled(spec: ServiceSpec): ServiceSpec {
  return { ...spec, labels: { ...spec.labels, [stackLabel]: stackName } };
}

/** Like the API: a service keeps its mode. */
function keptMode(view: ClusterView, { name, mode }: ServiceSpec): ServiceSpec['mode'] {
  const before = view.named('service', name)?.spec.mode;
  return before && before.kind !== mode.kind ? before : mode;
}

/** Stacks of stories have no secrets. */
const noContents = { seal: () => '', open: () => '', digest: () => '' };

function onService(name: string, change: (spec: ServiceSpec) => ServiceSpec): Wish {
  return (view) => {
    const service = view.named('service', name);
    return service ? updateServiceChanges(view, service, change(service.spec), { expect: service.version }) : [];
  };
}

function onNode(number: number, change: (node: Node) => Node['spec']): Wish {
  return (view) => {
    const nodes = [...view.all('node')].sort((a, b) => a.index - b.index);
    const node = nodes[number % nodes.length];
    return node ? [{ action: 'update', kind: 'node', object: { ...node, spec: change(node) }, expect: node.version }] : [];
  };
}

/** As `node rm` does. */
function orphans(view: ClusterView, nodeId: string, now: string): Change[] {
  const tasks = view.tasksOnNode(nodeId).filter((task) => !isTerminal(task.status.state));
  return tasks.map((task) => ({
    action: 'status',
    kind: 'task',
    id: task.id,
    actor: 'dispatcher',
    status: { ...task.status, state: 'orphaned', timestamp: now, message: 'orphaned', error: `node ${nodeId} was removed from the cluster` },
  }));
}
