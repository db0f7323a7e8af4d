import { deployPlacementFields, deployTrafficFields, deployUpdateFields, deviceReservations, placementSpecFields, updateSpecFields } from './spec-schema.js';
import type { Shape } from './shape.js';
import { duration, envOrLabels, field, integer, list, number, oneOf, strictMap, string } from './shapes.js';

const updateFields = {
  parallelism: field(integer),
  delay: field(duration),
  failure_action: field(string),
  monitor: field(duration),
  max_failure_ratio: field(number),
};
const order = oneOf('start-first', 'stop-first');

const genericResources = list(
  strictMap({ discrete_resource_spec: field(strictMap({ kind: field(string), value: field(number) })) }),
);

const deployment = strictMap({
  mode: field(string),
  endpoint_mode: field(string, 2),
  ...deployTrafficFields,
  ...deployPlacementFields,
  ...deployUpdateFields,
  replicas: field(integer),
  labels: field(envOrLabels),
  update_config: field(strictMap({ ...updateFields, order: field(order, 4), ...updateSpecFields })),
  rollback_config: field(strictMap({ ...updateFields, order: field(order) }), 7),
  resources: field(
    strictMap({
      limits: field(strictMap({ cpus: field(string), memory: field(string), pids: field(integer, 9) })),
      reservations: field(strictMap({ cpus: field(string), memory: field(string), generic_resources: field(genericResources, 5), devices: field(deviceReservations) })),
    }),
  ),
  restart_policy: field(
    strictMap({ condition: field(string), delay: field(duration), max_attempts: field(integer), window: field(duration) }),
  ),
  placement: field(
    strictMap({
      constraints: field(list(string)),
      preferences: field(list(strictMap({ spread: field(string) })), 3),
      max_replicas_per_node: field(integer, 8),
      ...placementSpecFields,
    }),
  ),
});

export const deploy: Shape = { scalars: { kinds: ['null'] }, ...deployment };
