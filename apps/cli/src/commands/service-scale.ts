import type { Command } from 'commander';
import type { Service, ServiceSpec } from '../api-client/types.js';
import { badUsage, exitStatus, Failure } from '../exit-status.js';
import { lookBefore } from '../progress/observe.js';
import type { Session } from '../session.js';
import { awaited, awaitServices } from './await-services.js';
import { changeService } from './change-service.js';
import { forEachName } from './each.js';
import { find } from './lookup.js';
import { addWaitFlags, timeoutMsOf, type WaitFlags } from './wait-flags.js';

export function define(command: Command, session: Session): void {
  addWaitFlags(command.argument('<service=replicas...>', 'for example web=5 db=1')).action((pairs: string[], flags: WaitFlags) =>
    scale(session, pairs, flags),
  );
}

/** All services are looked up first: one unknown name, and nothing is changed. */
async function scale(session: Session, pairs: string[], flags: WaitFlags): Promise<void> {
  timeoutMsOf(flags);
  const wanted = new Map(pairs.map(parsePair));
  const api = session.api();
  const services: Service[] = [];
  await forEachName(session, [...wanted.keys()], async (name) => {
    const service = await find<Service>(api, 'service', name, { query: { insertDefaults: false } });
    checkScalable(service.Spec, name);
    services.push(service);
  });
  const baseline = await lookBefore(api, services);
  for (const [i, [name, count]] of [...wanted].entries()) {
    await changeService(api, services[i]!, (spec) => scaledSpec(spec, count));
    session.out.write(`${name} scaled to ${count}\n`);
  }
  const watchCommand = `shoal service ps ${[...wanted.keys()].join(' ')}`;
  await awaitServices(session, { services: awaited(services), baseline, flags, changed: true, watchCommand });
}

function parsePair(text: string): [string, number] {
  const match = /^(.+)=(\d+)$/.exec(text);
  if (!match) throw badUsage(`"${text}": write SERVICE=REPLICAS, for example web=5`);
  return [match[1]!, Number(match[2])];
}

function checkScalable({ Mode = {} }: ServiceSpec, name: string): void {
  if (Mode.Replicated || Mode.ReplicatedJob) return;
  throw new Failure(exitStatus.failed, `${name}: scale can only be used with replicated or replicated-job mode`);
}

function scaledSpec(spec: ServiceSpec, count: number): ServiceSpec {
  const job = spec.Mode?.ReplicatedJob;
  return { ...spec, Mode: job ? { ReplicatedJob: { ...job, TotalCompletions: count } } : { Replicated: { Replicas: count } } };
}
