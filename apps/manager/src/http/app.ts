import 'reflect-metadata';
import type { Server } from 'node:http';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { ConsoleUpgrades } from '../engine-api/containers/console-upgrades.js';
import { Metrics } from '../observability/metrics.js';
import { createAdapter } from './adapter.js';
import { frameworkLog } from './framework-log.js';
import { HttpModule } from './http.module.js';
import type { HttpProviders } from './tokens.js';

/** The HTTP application, initialised and not listening yet: see `listenOnSocket`. */
export async function createHttpApp(providers: HttpProviders): Promise<NestFastifyApplication> {
  const adapter = createAdapter({ version: providers.managerInfo.version });
  const app = await NestFactory.create<NestFastifyApplication>(HttpModule.with(providers), adapter, {
    bodyParser: false,
    logger: frameworkLog(providers.trace),
    abortOnError: false,
  });
  countRequests(adapter.getInstance() as unknown as FastifyInstance, app.get(Metrics));
  await app.init();
  serveUpgrades(app);
  return app;
}

/** Node gives requests that take their connection over to nobody else. */
function serveUpgrades(app: NestFastifyApplication): void {
  const upgrades = app.get(ConsoleUpgrades);
  (app.getHttpServer() as Server).on('upgrade', (request, socket, head) => void upgrades.serve(request, socket, head));
}

function countRequests(fastify: FastifyInstance, metrics: Metrics): void {
  fastify.addHook('onResponse', async (request, reply) => {
    // The route's pattern, not the path: ids must not become label values.
    const route = request.routeOptions.url ?? 'none';
    metrics.requests.inc({ method: request.method, route, status: reply.statusCode });
    metrics.requestSeconds.observe({ method: request.method, route }, reply.elapsedTime / 1000);
  });
}
