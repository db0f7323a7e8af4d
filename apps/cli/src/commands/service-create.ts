import { Option, type Command } from 'commander';
import type { Network, Port, Service, ServiceMode, ServiceSpec } from '../api-client/types.js';
import { badUsage } from '../exit-status.js';
import { emptyBaseline } from '../progress/convergence.js';
import { registryAuthHeader } from '../registry-logins/registry-logins.js';
import type { Session } from '../session.js';
import { awaited, awaitServices } from './await-services.js';
import { labelsOf } from './create-from-file.js';
import { repeated } from './flags.js';
import { find } from './lookup.js';
import { replicaCount } from './service-update.js';
import { addWaitFlags, timeoutMsOf, type WaitFlags } from './wait-flags.js';

interface CreateFlags extends WaitFlags {
  name?: string;
  replicas?: string;
  mode: 'replicated' | 'global' | 'replicated-job' | 'global-job';
  env?: string[];
  label?: string[];
  network?: string[];
  publish?: string[];
  constraint?: string[];
  restartCondition?: 'none' | 'on-failure' | 'any';
  withRegistryAuth?: boolean;
}

export function define(command: Command, session: Session): void {
  const modes = ['replicated', 'global', 'replicated-job', 'global-job'];
  addWaitFlags(
    command
      .argument('<image>')
      .argument('[command...]', 'command and arguments instead of those of the image; put -- before them when they have flags')
      .option('--name <name>', 'name; a random one otherwise')
      .addOption(new Option('--mode <mode>', 'how many tasks it has').choices(modes).default('replicated'))
      .option('--replicas <number>', 'number of tasks')
      .option('-e, --env <NAME=value>', 'variable; may be repeated', repeated)
      .option('-l, --label <key=value>', 'label; may be repeated', repeated)
      .option('--network <name>', 'network; may be repeated', repeated)
      .option('-p, --publish <published:target[/protocol]>', 'port on every node; may be repeated', repeated)
      .option('--constraint <expression>', 'where tasks may run; may be repeated', repeated)
      .addOption(new Option('--restart-condition <when>', 'when a task is restarted').choices(['none', 'on-failure', 'any']))
      .option('--with-registry-auth', 'pass on the login of docker login to the nodes that pull'),
  )
    .action((image: string, args: string[], flags: CreateFlags) => createService(session, image, args, flags));
}

async function createService(session: Session, image: string, args: string[], flags: CreateFlags): Promise<void> {
  timeoutMsOf(flags);
  const api = session.api();
  const networks = await Promise.all((flags.network ?? []).map((name) => find<Network>(api, 'network', name, { query: { scope: 'swarm' } })));
  const spec = specOf(image, args, flags, networks);
  const headers = flags.withRegistryAuth ? await registryAuthHeader(session, image) : {};
  const { ID, Warnings } = await api.post<{ ID: string; Warnings?: string[] | null }>('/services/create', spec, { headers });
  for (const warning of Warnings ?? []) session.err.write(`${warning}\n`);
  session.out.write(`${ID}\n`);
  const service = await api.get<Service>(`/services/${ID}`);
  const watchCommand = `shoal service ps ${service.Spec.Name}`;
  await awaitServices(session, { services: awaited([service]), baseline: emptyBaseline, flags, changed: true, watchCommand });
}

function specOf(image: string, args: string[], flags: CreateFlags, networks: Network[]): ServiceSpec {
  const ports = (flags.publish ?? []).map(parsePort);
  return {
    Name: flags.name ?? '',
    Labels: labelsOf(flags.label),
    Mode: modeOf(flags),
    TaskTemplate: {
      ContainerSpec: { Image: image, Args: args.length > 0 ? args : undefined, Env: flags.env },
      Placement: flags.constraint && { Constraints: flags.constraint },
      RestartPolicy: flags.restartCondition && { Condition: flags.restartCondition },
      Networks: networks.length > 0 ? networks.map((network) => ({ Target: network.Id })) : undefined,
    },
    EndpointSpec: ports.length > 0 ? { Ports: ports } : undefined,
  };
}

function modeOf({ mode, replicas, name = 'the service' }: CreateFlags): ServiceMode {
  const Mode: ServiceMode =
    mode === 'replicated' ? { Replicated: { Replicas: 1 } }
    : mode === 'global' ? { Global: {} }
    : mode === 'replicated-job' ? { ReplicatedJob: { MaxConcurrent: 1, TotalCompletions: 1 } }
    : { GlobalJob: {} };
  return replicas === undefined ? Mode : { Replicated: { Replicas: replicaCount({ Name: name, Mode }, replicas) } };
}

function parsePort(text: string): Port {
  const match = /^(?:(\d+):)?(\d+)(?:\/(tcp|udp|sctp))?$/.exec(text);
  if (!match) throw badUsage(`--publish: "${text}": write PUBLISHED:TARGET or PUBLISHED:TARGET/udp`);
  const [, published, target, protocol = 'tcp'] = match;
  return { Protocol: protocol, TargetPort: Number(target), PublishedPort: published ? Number(published) : undefined, PublishMode: 'ingress' };
}
