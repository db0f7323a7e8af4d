import type { Command } from 'commander';
import type { Session } from '../session.js';
import { addStopFlags, stopOptions, type StopFlags } from './stop-flags.js';
import { defineForEach } from './signal-containers.js';

export function define(command: Command, session: Session): void {
  defineForEach<StopFlags>(addStopFlags(command), session, 'stop', stopOptions);
}
