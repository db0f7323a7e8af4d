import type { Command } from 'commander';
import type { Session } from '../session.js';
import { defineInspect } from './inspect-objects.js';
import { find } from './lookup.js';

export function define(command: Command, session: Session): void {
  defineInspect(command, session, 'volume', (reference) => find(session.api(), 'volume', reference));
}
