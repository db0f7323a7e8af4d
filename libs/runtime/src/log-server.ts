import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { Refused } from '../../base/src/index.js';
import type { LogDriver } from '../../model/src/index.js';

/** The same log with its server's name looked up: a shim has no resolver. */
export async function withServerAddress(log: LogDriver): Promise<LogDriver> {
  if (log.driver !== 'syslog' || !('host' in log.server) || isIP(log.server.host)) return log;
  const { server } = log;
  try {
    return { ...log, server: { ...server, host: (await lookup(server.host)).address } };
  } catch (error) {
    throw new Refused('precondition', `log opt syslog-address: the name ${server.host} cannot be found`, { cause: error });
  }
}
