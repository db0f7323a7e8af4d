import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ConsoleUpgrades } from '../engine-api/containers/console-upgrades.js';
import { Consoles } from '../engine-api/containers/consoles.js';
import { ContainerCalls } from '../engine-api/containers/container-call.js';
import { ContainerFilesController } from '../engine-api/containers/container-files.controller.js';
import { ContainerLifeController } from '../engine-api/containers/container-life.controller.js';
import { ContainersController } from '../engine-api/containers/containers.controller.js';
import { ExecController } from '../engine-api/containers/exec.controller.js';
import { Execs } from '../engine-api/containers/execs.js';
import { ClusterVolumes } from '../engine-api/containers/cluster-volumes.js';
import { LiveContainerStates } from '../engine-api/containers/live-states.js';
import { ConfigsController } from '../engine-api/configs.controller.js';
import { DistributionController } from '../engine-api/distribution.controller.js';
import { EventFeed } from '../engine-api/event-feed.js';
import { EventsController } from '../engine-api/events.controller.js';
import { LocalObjectsController } from '../engine-api/local-objects.controller.js';
import { NetworksController } from '../engine-api/networks.controller.js';
import { NodesController } from '../engine-api/nodes.controller.js';
import { SecretsController } from '../engine-api/secrets.controller.js';
import { ServicesController } from '../engine-api/services.controller.js';
import { SwarmController } from '../engine-api/swarm.controller.js';
import { SystemController } from '../engine-api/system.controller.js';
import { TaskLogs } from '../engine-api/task-logs.js';
import { TasksController } from '../engine-api/tasks.controller.js';
import { VolumesController } from '../engine-api/volumes.controller.js';
import { HealthController } from '../observability/health.controller.js';
import { Metrics } from '../observability/metrics.js';
import { MetricsController } from '../observability/metrics.controller.js';
import { composeReader } from '../shoal-api/compose-reader.js';
import { NetworkCheckController } from '../shoal-api/network-check.controller.js';
import { NodeNetworks } from '../shoal-api/node-networks.js';
import { OpenApiController } from '../shoal-api/openapi.controller.js';
import { PlacementController } from '../shoal-api/placement.controller.js';
import { OrdersController } from '../shoal-api/orders.controller.js';
import { StacksController } from '../shoal-api/stacks.controller.js';
import { StacksService } from '../shoal-api/stacks.service.js';
import { ErrorFilter } from './error-filter.js';
import { CLOCK, CONTAINER_STREAMS, LOG_SOURCE, MANAGER_INFO, RANDOM, SECRET_SEALER, STACK_READER, STORE, TRACE, type HttpProviders } from './tokens.js';

const httpControllers = [
  SystemController,
  SwarmController,
  NodesController,
  ServicesController,
  TasksController,
  NetworksController,
  SecretsController,
  ConfigsController,
  DistributionController,
  EventsController,
  ContainersController,
  ContainerLifeController,
  ContainerFilesController,
  ExecController,
  VolumesController,
  LocalObjectsController,
  StacksController,
  OrdersController,
  NetworkCheckController,
  PlacementController,
  OpenApiController,
  HealthController,
  MetricsController,
];

/** The manager's HTTP side: Docker's Engine API, our own beside it, and what supervisors read. */
@Module({})
export class HttpModule {
  static with(providers: HttpProviders): DynamicModule {
    return {
      module: HttpModule,
      controllers: httpControllers,
      providers: [
        { provide: STORE, useValue: providers.store },
        { provide: CLOCK, useValue: providers.clock },
        { provide: RANDOM, useValue: providers.random },
        { provide: SECRET_SEALER, useValue: providers.secretSealer },
        { provide: LOG_SOURCE, useValue: providers.logSource },
        { provide: CONTAINER_STREAMS, useValue: providers.containerStreams },
        { provide: MANAGER_INFO, useValue: providers.managerInfo },
        { provide: STACK_READER, useValue: providers.stackReader ?? composeReader },
        { provide: TRACE, useValue: providers.trace },
        { provide: APP_FILTER, useClass: ErrorFilter },
        StacksService,
        NodeNetworks,
        TaskLogs,
        EventFeed,
        ContainerCalls,
        LiveContainerStates,
        ClusterVolumes,
        Execs,
        Consoles,
        ConsoleUpgrades,
        Metrics,
      ],
    };
  }
}
