import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { Refused } from '../../../../libs/base/src/index.js';

const run = promisify(execFile);
const startDeadlineMs = 60_000;

/**
 * Starts the programs of this host through systemd when it runs here and has the units; else says how to start them.
 * Returns what to tell the operator.
 */
export async function startServices(programs: ('manager' | 'agent')[], flags: { start: boolean; stateDir: string }): Promise<string> {
  const units = programs.map((program) => `shoal-${program}.service`);
  const haveUnits = existsSync('/run/systemd/system') && units.every((unit) => existsSync(`/etc/systemd/system/${unit}`) || existsSync(`/lib/systemd/system/${unit}`));
  if (!flags.start) return '';
  if (!haveUnits) {
    const stateDir = flags.stateDir === '/var/lib/shoal' ? '' : ` --state-dir ${flags.stateDir}`;
    return `Start it with:\n\n${programs.map((program) => `    shoal ${program}${stateDir} &\n`).join('')}\n`;
  }
  try {
    await run('systemctl', ['enable', '--now', ...units], { timeout: startDeadlineMs });
  } catch (error) {
    throw new Refused('precondition', `systemd could not start ${units.join(' and ')}: see "journalctl -u ${units[0]}"`, { cause: error });
  }
  return `Started ${units.join(' and ')}.\n\n`;
}
