import type { Command } from 'commander';
import type { Session } from '../session.js';
import { defineForEach } from './signal-containers.js';

export function define(command: Command, session: Session): void {
  defineForEach(command, session, 'unpause', () => ({}));
}
