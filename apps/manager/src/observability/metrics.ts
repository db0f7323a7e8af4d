import { Inject, Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { taskStates } from '../../../../libs/model/src/index.js';
import type { Store } from '../../../../libs/store/src/index.js';
import { STORE } from '../http/tokens.js';
import { NodeNetworks } from '../shoal-api/node-networks.js';

const nodeStates = ['unknown', 'down', 'ready', 'disconnected'] as const;

/** What Prometheus reads. One registry per application, so that several can live in one process. */
@Injectable()
export class Metrics {
  readonly registry = new Registry();
  readonly requests = new Counter({
    name: 'shoal_http_requests_total',
    help: 'HTTP requests answered, by method, route and status',
    labelNames: ['method', 'route', 'status'],
    registers: [this.registry],
  });
  readonly requestSeconds = new Histogram({
    name: 'shoal_http_request_seconds',
    help: 'Time until an answer was complete, without streams',
    labelNames: ['method', 'route'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [this.registry],
  });

  constructor(@Inject(STORE) store: Store, @Inject(NodeNetworks) networks: NodeNetworks) {
    collectDefaultMetrics({ register: this.registry });
    const { registry } = this;
    // Gauges compute at scrape time: nothing has to be kept in step.
    gauge(registry, 'shoal_tasks', 'Tasks by observed state', 'state', () => countBy(taskStates, store.view().all('task'), (task) => task.status.state));
    gauge(registry, 'shoal_nodes', 'Nodes by state', 'state', () => countBy(nodeStates, store.view().all('node'), (node) => node.status.state));
    gauge(registry, 'shoal_objects', 'Objects in the store by kind', 'kind', () =>
      (['service', 'network', 'secret', 'config', 'stack'] as const).map((kind) => [kind, store.view().count(kind)]),
    );
    new Gauge({
      name: 'shoal_network_drift',
      help: 'What others changed in the network of a node since its agent started, and was put back, by node and kind',
      labelNames: ['node', 'kind'],
      registers: [registry],
      async collect() {
        this.reset();
        for (const { name, facts } of await networks.ask(false)) {
          for (const [kind, count] of Object.entries(facts?.drift ?? {})) this.set({ node: name, kind }, count);
        }
      },
    });
    gauge(registry, 'shoal_store_revision', 'Revision of the state that this manager sees', undefined, () => [['', store.view().revision]]);
  }
}

type Sample = [label: string, value: number];

function gauge(registry: Registry, name: string, help: string, label: string | undefined, read: () => Sample[]): void {
  new Gauge({
    name,
    help,
    labelNames: label === undefined ? [] : [label],
    registers: [registry],
    collect() {
      for (const [value, count] of read()) {
        if (label === undefined) this.set(count);
        else this.set({ [label]: value }, count);
      }
    },
  });
}

/** Every state is shown, also with 0: a graph needs the zeros. */
function countBy<T>(states: readonly string[], objects: Iterable<T>, stateOf: (object: T) => string): Sample[] {
  const counts = new Map<string, number>(states.map((state) => [state, 0]));
  for (const object of objects) counts.set(stateOf(object), (counts.get(stateOf(object)) ?? 0) + 1);
  return [...counts];
}
