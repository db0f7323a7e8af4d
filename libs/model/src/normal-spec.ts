import { defaults, type ContainerSpec, type EndpointSpec, type ServiceSpec, type TaskTemplate, type UpdateConfig } from './service.js';

/**
 * The one form in which a service is stored, whoever wrote it: what says nothing is left out, what has a default that
 * clients read back is filled in. Without it a client that posts back what it has read would change the template and restart every task.
 */
export function normalServiceSpec(spec: ServiceSpec): ServiceSpec {
  return withoutAbsent({
    ...spec,
    template: normalTemplate(spec.template),
    mode: spec.mode.kind === 'replicated' ? { kind: 'replicated', replicas: spec.mode.replicas ?? defaults.replicas } : spec.mode,
    update: spec.update && normalUpdateConfig(spec.update),
    rollback: spec.rollback && normalUpdateConfig(spec.rollback),
    endpoint: normalEndpoint(spec.endpoint),
    dependsOn: spec.dependsOn?.length ? spec.dependsOn : undefined,
  });
}

function normalTemplate(template: TaskTemplate): TaskTemplate {
  const { resources, placement, runtime } = template;
  const limits = unlessEmpty(resources?.limits);
  const reservations = unlessEmpty(resources?.reservations);
  return withoutAbsent({
    ...template,
    container: normalContainer(template.container),
    resources: unlessEmpty(withoutAbsent({ limits, reservations })),
    placement: placement && (placement.maxReplicas || placement.constraints.length + placement.preferences.length + placement.platforms.length > 0) ? placement : undefined,
    runtime: runtime === 'container' ? undefined : runtime,
  });
}

function normalContainer(container: ContainerSpec): ContainerSpec {
  const { dns, isolation, privileges } = container;
  const saysNothing = privileges && Object.values(privileges).every((value) => value === null || value === undefined || value === false);
  return withoutAbsent({
    ...container,
    dns: dns && dns.nameservers.length + dns.search.length + dns.options.length > 0 ? dns : undefined,
    isolation: isolation === 'default' ? undefined : isolation,
    privileges: saysNothing ? undefined : privileges,
  });
}

function normalEndpoint(endpoint: EndpointSpec | undefined): EndpointSpec {
  return {
    mode: endpoint?.mode ?? 'vip',
    ports: (endpoint?.ports ?? []).map((port) => withoutAbsent({ ...port, protocol: port.protocol ?? 'tcp', publishMode: port.publishMode ?? 'ingress', publishedPort: port.publishedPort || undefined })),
  };
}

function normalUpdateConfig(config: UpdateConfig): UpdateConfig {
  return withoutAbsent({ ...config, failureAction: config.failureAction ?? 'pause', order: config.order ?? 'stop-first' });
}

function unlessEmpty<T extends object>(object: T | undefined): T | undefined {
  return object && Object.values(object).some((value) => value !== undefined) ? object : undefined;
}

function withoutAbsent<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}
