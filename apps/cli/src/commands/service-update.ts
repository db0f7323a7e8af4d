import type { Command } from 'commander';
import type { Service, ServiceSpec } from '../api-client/types.js';
import { badUsage, exitStatus, Failure } from '../exit-status.js';
import { lookBefore } from '../progress/observe.js';
import { registryAuthHeader } from '../registry-logins/registry-logins.js';
import type { Session } from '../session.js';
import { awaited, awaitServices } from './await-services.js';
import { changeService } from './change-service.js';
import { repeated } from './flags.js';
import { find } from './lookup.js';
import { addWaitFlags, timeoutMsOf, type WaitFlags } from './wait-flags.js';

interface UpdateFlags extends WaitFlags {
  image?: string;
  replicas?: string;
  force?: boolean;
  envAdd?: string[];
  envRm?: string[];
  withRegistryAuth?: boolean;
}

export function define(command: Command, session: Session): void {
  addWaitFlags(
    command
      .argument('<service>', 'name or id')
      .option('--image <reference>', 'image to run')
      .option('--replicas <number>', 'number of tasks')
      .option('--env-add <NAME=value>', 'add or change a variable; may be repeated', repeated)
      .option('--env-rm <NAME>', 'remove a variable; may be repeated', repeated)
      .option('--with-registry-auth', 'pass on the login of docker login to the nodes that pull')
      .option('--force', 'replace all tasks even if nothing changed'),
  ).action((name: string, flags: UpdateFlags) => updateService(session, name, flags));
}

async function updateService(session: Session, name: string, flags: UpdateFlags): Promise<void> {
  timeoutMsOf(flags);
  const api = session.api();
  const service = await find<Service>(api, 'service', name, { query: { insertDefaults: false } });
  const spec = changedSpec(service.Spec, flags); // what is wrong with the flags is told first
  const headers = flags.withRegistryAuth ? await registryAuthHeader(session, spec.TaskTemplate.ContainerSpec?.Image ?? '') : {};
  const baseline = await lookBefore(api, [service]);
  for (const warning of await changeService(api, service, (current) => changedSpec(current, flags), headers)) session.err.write(`${warning}\n`);
  session.out.write(`${name}\n`);
  const watchCommand = `shoal service ps ${name}`;
  await awaitServices(session, { services: awaited([service]), baseline, flags, changed: true, watchCommand });
}

function changedSpec(spec: ServiceSpec, flags: UpdateFlags): ServiceSpec {
  const template = { ...spec.TaskTemplate, ContainerSpec: { ...spec.TaskTemplate.ContainerSpec } };
  const changed: ServiceSpec = { ...spec, TaskTemplate: template };
  if (flags.image !== undefined) template.ContainerSpec.Image = flags.image;
  if (flags.force) template.ForceUpdate = (template.ForceUpdate ?? 0) + 1;
  if (flags.envAdd || flags.envRm) template.ContainerSpec.Env = changedEnv(template.ContainerSpec.Env ?? [], flags);
  if (flags.replicas !== undefined) changed.Mode = { Replicated: { Replicas: replicaCount(spec, flags.replicas) } };
  return changed;
}

function changedEnv(env: string[], { envAdd = [], envRm = [] }: UpdateFlags): string[] {
  const nameOf = (text: string) => text.split('=', 1)[0]!;
  const gone = new Set([...envRm, ...envAdd.map(nameOf)]);
  return [...env.filter((text) => !gone.has(nameOf(text))), ...envAdd];
}

export function replicaCount({ Name, Mode = {} }: Pick<ServiceSpec, 'Name' | 'Mode'>, text: string): number {
  if (!/^\d+$/.test(text)) throw badUsage(`--replicas: "${text}" is not a number`);
  if (!Mode.Replicated) throw new Failure(exitStatus.failed, `${Name}: only a replicated service has replicas`);
  return Number(text);
}
