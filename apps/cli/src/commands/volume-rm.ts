import type { Command } from 'commander';
import type { Session } from '../session.js';
import { defineRemove } from './remove-objects.js';

export function define(command: Command, session: Session): void {
  defineRemove(command, session, 'volume');
}
