import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { Verdict } from './verdicts.js';

/** What the docker CLI asked an empty swarm to create, each list sorted by name. */
export interface Created {
  networks: Record<string, unknown>[];
  secrets: Record<string, unknown>[];
  configs: Record<string, unknown>[];
  services: Record<string, unknown>[];
}

/**
 * Runs `docker stack deploy` against an empty swarm that says yes to everything and records what it is asked for.
 * Look-ups of secrets and configs by name find one with the id `id-NAME`.
 */
export async function recordDeploy(folder: string, names: string[], stack: string, env: Record<string, string>): Promise<Verdict<Created>> {
  const created: Created = { networks: [], secrets: [], configs: [], services: [] };
  const socket = join(folder, 's.sock');
  const server = createServer((request, response) => void answer(request, response, created));
  await new Promise<void>((listening) => server.listen(socket, listening));
  try {
    const argv = ['stack', 'deploy', '--detach', '--resolve-image', 'never', ...names.flatMap((name) => ['-c', name]), stack];
    return await new Promise((done, fail) => {
      execFile('docker', argv, { cwd: folder, env: { ...env, DOCKER_HOST: `unix://${socket}` } }, (error, _stdout, stderr) => {
        if (error && typeof error.code !== 'number') fail(new Error(`the docker CLI, the judge of these tests, cannot be run: ${error.message}`));
        else done(error ? { accepted: false, why: stderr } : { accepted: true, answer: sorted(created) });
      });
    });
  } finally {
    await new Promise((closed) => server.close(closed));
  }
}

/** The CLI walks through maps, so that the order of its requests says nothing. */
function sorted(created: Created): Created {
  for (const list of Object.values(created) as Record<string, unknown>[][]) list.sort((a, b) => (String(a['Name']) < String(b['Name']) ? -1 : 1));
  return created;
}

async function answer(request: IncomingMessage, response: ServerResponse, created: Created): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const url = new URL(request.url ?? '/', 'http://swarm');
  const path = url.pathname.replace(/^\/v[0-9.]+/, '');
  const reply = (status: number, body: unknown): void => {
    response.writeHead(status, { 'Content-Type': 'application/json', 'Api-Version': '1.50', Ostype: 'linux' });
    response.end(request.method === 'HEAD' ? undefined : JSON.stringify(body));
  };
  if (path === '/_ping') return reply(200, 'OK');
  if (path === '/info') return reply(200, { Swarm: { NodeID: 'n', LocalNodeState: 'active', ControlAvailable: true } });
  const kind = path.split('/')[1] as 'networks' | 'secrets' | 'configs' | 'services';
  if (request.method === 'POST') {
    created[kind].push(JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>);
    return reply(201, { ID: 'new', Id: 'new' });
  }
  if (kind === 'networks' && path !== '/networks') return reply(200, { Id: 'n', Scope: 'swarm' });
  const wanted = JSON.parse(url.searchParams.get('filters') ?? '{}') as { name?: Record<string, boolean> };
  if (path === '/secrets' || path === '/configs') return reply(200, Object.keys(wanted.name ?? {}).map((name) => ({ ID: `id-${name}`, Spec: { Name: name } })));
  if (path === '/networks' || path === '/services') return reply(200, []);
  return reply(404, { message: 'not found' });
}
