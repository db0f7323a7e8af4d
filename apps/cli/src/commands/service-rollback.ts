import type { Command } from 'commander';
import type { Service } from '../api-client/types.js';
import { lookBefore } from '../progress/observe.js';
import type { Session } from '../session.js';
import { awaited, awaitServices } from './await-services.js';
import { find } from './lookup.js';
import { addWaitFlags, timeoutMsOf, type WaitFlags } from './wait-flags.js';

export function define(command: Command, session: Session): void {
  addWaitFlags(command.argument('<service>', 'name or id')).action((name: string, flags: WaitFlags) =>
    rollBack(session, name, flags),
  );
}

async function rollBack(session: Session, name: string, flags: WaitFlags): Promise<void> {
  timeoutMsOf(flags);
  const api = session.api();
  const service = await find<Service>(api, 'service', name, { query: { insertDefaults: false } });
  const baseline = await lookBefore(api, [service]);
  const query = { version: service.Version?.Index, rollback: 'previous' };
  await api.post(`/services/${service.ID}/update`, service.Spec, { query });
  session.out.write(`${name}\n`);
  const watchCommand = `shoal service ps ${name}`;
  await awaitServices(session, { services: awaited([service]), baseline, flags, changed: true, watchCommand, rollsBack: true });
}
