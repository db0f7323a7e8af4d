import { readFileSync, readlinkSync } from 'node:fs';
import { isErrno } from '../../base/src/index.js';
import type { ContainerProcess } from './runtime.js';

/** Of every Linux that Node runs on: `getconf CLK_TCK` and `getconf PAGESIZE` have no other answer on x86-64 and arm64 servers. */
const msPerTick = 10;
const pageBytes = 4096;

/** What ps would tell of these processes. Those that end meanwhile are left out. */
export function describeProcesses(pids: readonly number[]): ContainerProcess[] {
  const bootedAtMs = Number(/^btime (\d+)/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? 0) * 1000;
  return [...pids].sort((a, b) => a - b).flatMap((pid) => describe(pid, bootedAtMs) ?? []);
}

function describe(pid: number, bootedAtMs: number): ContainerProcess | undefined {
  try {
    const stat = parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    const uid = Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0$/, '').replaceAll('\0', ' ');
    const { startTicks, terminalNumber, ...columns } = stat;
    return { pid, uid, ...columns, startedAtMs: bootedAtMs + startTicks * msPerTick, terminal: terminalName(pid, terminalNumber), command: command || `[${stat.name}]` };
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
}

/** The name may hold anything, but after its last bracket come plain fields; the first of them is number 3 in proc(5). */
function parseStat(text: string) {
  const name = text.slice(text.indexOf('(') + 1, text.lastIndexOf(')'));
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3]);
  return {
    name,
    state: fields[0] ?? '?',
    parentPid: field(4),
    terminalNumber: field(7),
    cpuMs: (field(14) + field(15)) * msPerTick,
    threads: field(20),
    startTicks: field(22),
    virtualBytes: field(23),
    residentBytes: field(24) * pageBytes,
  };
}

const ptyMajors = { first: 136, last: 143 };

/** A pty by its number, anything else by what the process has open as its first stream. */
function terminalName(pid: number, device: number): string {
  if (device === 0) return '';
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  if (major >= ptyMajors.first && major <= ptyMajors.last) return `pts/${(major - ptyMajors.first) * 256 + minor}`;
  return readlinkSync(`/proc/${pid}/fd/0`).replace(/^\/dev\//, '');
}
