import type { Command } from 'commander';
import { pathOf } from '../containers/containers.js';
import { findTarget } from '../containers/target.js';
import type { Session } from '../session.js';
import { defineInspect } from './inspect-objects.js';

export function define(command: Command, session: Session): void {
  defineInspect(command, session, 'container|task|service', async (reference) => session.api().get(pathOf((await findTarget(session, reference)).Id, 'json')));
}
