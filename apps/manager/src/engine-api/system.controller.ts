import { existsSync } from 'node:fs';
import os from 'node:os';
import { Controller, Get, Head, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { timestamp, type Clock } from '../../../../libs/base/src/index.js';
import { normalArchitecture } from '../../../../libs/model/src/index.js';
import type { Store } from '../../../../libs/store/src/index.js';
import { apiVersion, minApiVersion } from '../http/api-version.js';
import { CLOCK, MANAGER_INFO, STORE, type ManagerInfo } from '../http/tokens.js';
import { clusterInfoTo } from './convert/swarm.js';
import type { Json } from './json-output.js';

/** What a client asks first. */
@Controller()
export class SystemController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(MANAGER_INFO) private readonly manager: ManagerInfo,
  ) {}

  @Head('_ping')
  headPing(@Res() reply: FastifyReply): void {
    void this.#ping(reply).header('content-length', '0').send();
  }

  @Get('_ping')
  ping(@Res() reply: FastifyReply): void {
    void this.#ping(reply).send('OK');
  }

  @Get('version')
  version(): Json {
    const { version } = this.manager;
    const shared = { Arch: normalArchitecture(process.arch), GitCommit: '', GoVersion: `node ${process.version}`, KernelVersion: os.release(), Os: 'linux' };
    return {
      Platform: { Name: 'Shoal' },
      // The CLI prints the component of exactly this name in full; `Shoal` is in the platform's name and in its version.
      Components: [
        {
          Name: 'Engine',
          Version: `${version}-shoal`,
          Details: { ApiVersion: apiVersion, MinAPIVersion: minApiVersion, Experimental: 'false', ...shared },
        },
        { Name: 'Shoal', Version: version, Details: { GitCommit: '' } },
      ],
      Version: `${version}-shoal`,
      ApiVersion: apiVersion,
      MinAPIVersion: minApiVersion,
      ...shared,
    };
  }

  @Get('info')
  info(): Json {
    const { manager } = this;
    return {
      ...hostFacts(),
      OperatingSystem: this.store.view().get('node', manager.nodeId)?.status.description?.osName || os.version(),
      ID: manager.nodeId,
      Name: manager.hostname,
      ServerVersion: `${manager.version}-shoal`,
      DockerRootDir: manager.stateDir,
      SystemTime: timestamp(this.clock.wallMs()),
      ...this.#counts(),
      Swarm: this.#swarm(),
    };
  }

  #ping(reply: FastifyReply): FastifyReply {
    return reply
      .header('cache-control', 'no-cache, no-store, must-revalidate')
      .header('pragma', 'no-cache')
      .header('builder-version', '1')
      .header('swarm', this.store.view().cluster ? 'active/manager' : 'pending')
      .type('text/plain; charset=utf-8');
  }

  #counts(): Json {
    const view = this.store.view();
    let running = 0;
    let stopped = 0;
    for (const task of view.tasksOnNode(this.manager.nodeId)) {
      if (task.status.state === 'running') running++;
      else if (task.status.container) stopped++;
    }
    return { Containers: running + stopped, ContainersRunning: running, ContainersPaused: 0, ContainersStopped: stopped, Images: 0 };
  }

  #swarm(): Json {
    const view = this.store.view();
    const { cluster } = view;
    const nodes = [...view.all('node')];
    const managers = nodes.filter((node) => node.spec.role === 'manager');
    const self = view.get('node', this.manager.nodeId);
    return {
      NodeID: this.manager.nodeId,
      NodeAddr: self?.status.address ?? this.manager.address.replace(/:\d+$/, ''),
      LocalNodeState: cluster ? 'active' : 'pending',
      ControlAvailable: cluster !== undefined,
      Error: '',
      RemoteManagers: managers.map((node) => ({ NodeID: node.id, Addr: node.status.manager?.address ?? node.status.address })),
      Nodes: nodes.length,
      Managers: managers.length,
      ...(cluster ? { Cluster: clusterInfoTo(cluster) } : {}),
    };
  }
}

/** This host, and the fixed facts about every node's runtime. */
function hostFacts(): Json {
  return {
    Driver: 'overlayfs',
    DriverStatus: [],
    Plugins: { Volume: ['local'], Network: ['overlay'], Authorization: null, Log: ['json-file'] },
    MemoryLimit: true,
    SwapLimit: true,
    CpuCfsPeriod: true,
    CpuCfsQuota: true,
    CPUShares: true,
    CPUSet: true,
    PidsLimit: true,
    IPv4Forwarding: true,
    OomKillDisable: false,
    Debug: false,
    NFd: 0,
    NGoroutines: 0,
    NEventsListener: 0,
    LoggingDriver: 'json-file',
    CgroupDriver: 'cgroupfs',
    CgroupVersion: existsSync('/sys/fs/cgroup/cgroup.controllers') ? '2' : '1', // that file is a pure v2 host's
    KernelVersion: os.release(),
    OSVersion: '',
    OSType: 'linux',
    Architecture: os.machine(),
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: { InsecureRegistryCIDRs: ['127.0.0.0/8'], IndexConfigs: {}, Mirrors: [] },
    NCPU: os.cpus().length,
    MemTotal: os.totalmem(),
    GenericResources: null,
    HttpProxy: '',
    HttpsProxy: '',
    NoProxy: '',
    Labels: [],
    ExperimentalBuild: false,
    Runtimes: { shoal: { path: 'shoal-shim' } },
    DefaultRuntime: 'shoal',
    LiveRestoreEnabled: true,
    Isolation: '',
    InitBinary: '',
    ContainerdCommit: { ID: '' },
    RuncCommit: { ID: '' },
    InitCommit: { ID: '' },
    SecurityOptions: ['name=seccomp,profile=builtin'],
    CDISpecDirs: [],
    Warnings: [],
  };
}
