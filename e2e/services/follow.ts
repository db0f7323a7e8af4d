import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Cluster } from '../harness/cluster.js';
import { distDir } from '../harness/fixture.js';
import { plainEnv } from '../harness/run.js';

export interface Following {
  /** All that it has printed so far. */
  text(): string;
  end(): Promise<void>;
}

/** Starts a command that goes on until it is ended. */
export function follow(cluster: Cluster, program: 'docker' | 'shoal', args: string[]): Following {
  const host = `unix://${cluster.manager.socketPath}`;
  const argv = program === 'docker' ? ['docker', ...args] : [process.execPath, join(distDir, 'cli/shoal.cjs'), '--host', host, ...args];
  const child = spawn(argv[0]!, argv.slice(1), { env: plainEnv({ DOCKER_HOST: host }), stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return {
    text: () => text,
    end: async () => {
      child.kill('SIGINT');
      await exited;
    },
  };
}
