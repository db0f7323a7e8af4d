import type { Command } from 'commander';
import type { Session } from '../session.js';
import { defineRoleChange } from './change-role.js';

export function define(command: Command, session: Session): void {
  defineRoleChange(command, session, 'worker');
}
