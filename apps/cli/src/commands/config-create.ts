import type { Command } from 'commander';
import type { Session } from '../session.js';
import { defineCreate } from './create-from-file.js';

export function define(command: Command, session: Session): void {
  defineCreate(command, session, 'config');
}
