import { constants } from 'node:os';
import { Refused } from '../../base/src/index.js';

const realTimeMin = 34;
const realTimeMax = 64;

/** `SIGTERM`, `TERM`, `15`, `SIGRTMIN+3` → 15, 15, 15, 37. */
export function signalNumber(given: string): number {
  const name = given.trim().toUpperCase().replace(/^SIG/, '');
  const number = /^[0-9]+$/.test(name) ? Number(name) : (realTimeNumber(name) ?? (constants.signals as Record<string, number>)[`SIG${name}`]);
  if (number === undefined || number < 1 || number > realTimeMax) throw new Refused('invalid', `invalid signal: ${given}`);
  return number;
}

function realTimeNumber(name: string): number | undefined {
  const match = /^RTM(IN|AX)(?:([+-])([0-9]+))?$/.exec(name);
  if (!match) return undefined;
  const offset = Number(match[3] ?? 0) * (match[2] === '-' ? -1 : 1);
  return (match[1] === 'IN' ? realTimeMin : realTimeMax) + offset;
}
