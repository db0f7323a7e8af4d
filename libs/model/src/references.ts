import type { Problem } from './admission.js';
import { isPredefinedNetwork } from './admission.js';
import type { ClusterView } from './cluster-view.js';
import type { Config, Network, Secret } from './objects.js';
import type { FileReference, NetworkAttachmentSpec, ServiceSpec } from './service.js';

/** Where names are looked up: the view, or the view and what the same commit is about to create. */
export interface ReferenceSource {
  network(idOrName: string): Pick<Network, 'id' | 'spec'> | undefined;
  secret(idOrName: string): Pick<Secret, 'id' | 'spec'> | undefined;
  config(idOrName: string): Pick<Config, 'id' | 'spec'> | undefined;
}

export function viewReferences(view: ClusterView): ReferenceSource {
  return {
    network: (key) => view.get('network', key) ?? view.named('network', key),
    secret: (key) => view.get('secret', key) ?? view.named('secret', key),
    config: (key) => view.get('config', key) ?? view.named('config', key),
  };
}

/** The same service with every network, secret and config named by its id, and all that do not exist. */
export function resolveReferences(spec: ServiceSpec, source: ReferenceSource): { spec: ServiceSpec; problems: Problem[] } {
  const problems: Problem[] = [];
  const networks = spec.template.networks.map((attachment) => resolveNetwork(attachment, source, problems));
  const { container } = spec.template;
  const secrets = resolveFiles('secret', container.secrets, source, problems);
  const configs = resolveFiles('config', container.configs, source, problems);
  return { spec: { ...spec, template: { ...spec.template, networks, container: { ...container, secrets, configs } } }, problems };
}

function resolveNetwork(attachment: NetworkAttachmentSpec, source: ReferenceSource, problems: Problem[]): NetworkAttachmentSpec {
  const network = source.network(attachment.target);
  if (!network) {
    problems.push(
      isPredefinedNetwork(attachment.target)
        ? { code: 'unsupported', message: `network ${attachment.target} is not available to services; use an overlay network` }
        : { code: 'not-found', message: `network ${attachment.target} not found` },
    );
    return attachment;
  }
  if (network.spec.ingress) {
    problems.push({ code: 'invalid', message: `Service cannot be explicitly attached to the ingress network "${network.spec.name}"` });
  }
  return { ...attachment, target: network.id };
}

function resolveFiles(kind: 'secret' | 'config', references: FileReference[], source: ReferenceSource, problems: Problem[]): FileReference[] {
  return references.map((reference) => {
    const found = source[kind](reference.id || reference.name);
    if (!found) {
      problems.push({ code: 'invalid', message: `${kind} not found: ${reference.name || reference.id}` });
      return reference;
    }
    return { ...reference, id: found.id, name: found.spec.name };
  });
}
