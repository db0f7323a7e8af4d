import type { Command } from 'commander';
import type { Session } from '../session.js';
import { defineForEach } from './signal-containers.js';

export function define(command: Command, session: Session): void {
  command.option('-s, --signal <signal>', 'what to send', 'KILL');
  defineForEach<{ signal: string }>(command, session, 'kill', ({ signal }) => ({ query: { signal } }));
}
