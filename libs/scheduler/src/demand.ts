import { isEncrypted, placementLabel, placementOptionsOf, type ClusterView, type PlacementStrategy, type Task } from '../../model/src/index.js';
import type { Demand } from './filters.js';
import { nearbyRules, notePlaced, type NearbyRule } from './nearby.js';
import { isCounted, type NodeInfo } from './node-info.js';
import type { NodeTable } from './node-table.js';

export interface GroupDemand extends Demand {
  tasksOn: Map<NodeInfo, number>;
  strategy: PlacementStrategy;
}

/** What tasks want, as of one look at the cluster; what is placed meanwhile counts from then on. */
export class Demands {
  readonly #tasksOn = new Map<string, Map<NodeInfo, number>>();
  readonly #nearby = new Map<string, readonly NearbyRule[]>();
  readonly #clusterStrategy: PlacementStrategy;

  constructor(
    readonly view: ClusterView,
    readonly table: NodeTable,
  ) {
    this.#clusterStrategy = strategyOfCluster(view);
  }

  /** Undefined: its template is gone. */
  of(task: Task): GroupDemand | undefined {
    const template = this.view.templateOf(task);
    if (!template) return undefined;
    const service = this.view.get('service', task.serviceId);
    const strategy = (service && placementOptionsOf(service.spec).strategy) ?? this.#clusterStrategy;
    const encryptedNetwork = this.#encryptedNetworkOf(task);
    return { template, hostPorts: task.hostPorts, tasksOn: this.tasksOn(task.serviceId), nearby: this.#nearbyOf(task.serviceId), strategy, ...(encryptedNetwork !== undefined && { encryptedNetwork }) };
  }

  /** How many tasks of the service each node has. */
  tasksOn(serviceId: string): Map<NodeInfo, number> {
    let counts = this.#tasksOn.get(serviceId);
    if (counts) return counts;
    this.#tasksOn.set(serviceId, (counts = new Map()));
    for (const task of this.view.tasksOfService(serviceId)) {
      const info = task.nodeId === '' ? undefined : this.table.infos.get(task.nodeId);
      if (info && isCounted(task)) counts.set(info, (counts.get(info) ?? 0) + 1);
    }
    return counts;
  }

  #encryptedNetworkOf({ networks }: Task): string | undefined {
    return networks.map(({ networkId }) => this.view.get('network', networkId)).find(isEncrypted)?.spec.name;
  }

  #nearbyOf(serviceId: string): readonly NearbyRule[] {
    const known = this.#nearby.get(serviceId);
    if (known) return known;
    const service = this.view.get('service', serviceId);
    const rules = service ? nearbyRules(this.view, service, this.table.repelling, (id) => this.tasksOn(id)) : [];
    this.#nearby.set(serviceId, rules);
    return rules;
  }
}

/** The demand's tasks are one more there. `tasksOn` is counted by those who place. */
export function countNear(demand: Demand, info: NodeInfo): void {
  if (demand.nearby.length > 0) notePlaced(demand.nearby, info);
}

function strategyOfCluster(view: ClusterView): PlacementStrategy {
  return view.cluster?.labels[placementLabel('strategy')] === 'pack' ? 'pack' : 'spread';
}
