import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../../../e2e/harness/wait.js';
import { systemClock, systemRandom, timestamp } from '../../../libs/base/src/index.js';
import { certificateDigest, createCa, createJoinToken, issueWithKey, requireManagerFiles, requireNodeFiles, writeManagerFiles, writeNodeFiles } from '../../../libs/identity/src/index.js';
import type { Change } from '../../../libs/model/src/index.js';
import { openEtcdStore, type EtcdStore } from '../../../libs/store/src/index.js';
import { managerServerName } from '../../../libs/wire/src/index.js';
import type { AgentsNews, AgentsOrder } from './agents.js';
import { ManagerProcess, type ManagerPorts } from './manager-process.js';

/** A manager and a process of agents, on loopback. */
export class Stage {
  readonly nodeIds: string[] = [];
  news: AgentsNews = { connected: 0, running: 0 };
  manager!: ManagerProcess;
  #agents: ChildProcess | undefined;

  private constructor(
    readonly distDir: string,
    readonly dir: string,
    readonly ports: ManagerPorts,
    readonly profile: string | undefined,
  ) {}

  static async open(options: { distDir: string; nodes: number; ports: ManagerPorts; profile?: string | undefined }): Promise<Stage> {
    const dir = mkdtempSync(join(tmpdir(), 'shoal-bench-'));
    const stage = new Stage(options.distDir, dir, options.ports, options.profile);
    try {
      await foundCluster(join(dir, 'state'), options.ports.rpc);
      await stage.startManager();
      await stage.#addNodes(options.nodes);
      await stage.#startAgents();
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  async startManager(): Promise<void> {
    this.manager = await ManagerProcess.start(this);
  }

  /** Until all agents have a session. */
  async connected(): Promise<void> {
    await until('all agents are connected', async () => this.news.connected === this.nodeIds.length, { deadlineMs: 300_000, everyMs: 20 });
  }

  /** A look at etcd with nobody between. */
  async withStore<T>(work: (store: EtcdStore) => Promise<T>): Promise<T> {
    const file = (name: string) => join(this.dir, 'state', 'manager', name);
    const end = new AbortController();
    const store = await openEtcdStore({
      endpoints: [`https://127.0.0.1:${this.ports.etcdClient}`],
      tls: { ca: file('etcd-ca.crt'), certificate: file('etcd.crt'), key: file('etcd.key'), serverName: 'localhost' },
      writerId: 'bench',
      trace: () => undefined,
      clock: systemClock,
      signal: end.signal,
    });
    try {
      return await work(store);
    } finally {
      await store.close();
      end.abort();
    }
  }

  async close(): Promise<void> {
    this.#agents?.kill('SIGKILL');
    await this.manager?.stop();
    rmSync(this.dir, { recursive: true });
  }

  /** As if they had joined. */
  async #addNodes(count: number): Promise<void> {
    await this.withStore(async (store) => {
      const now = timestamp(systemClock.wallMs());
      for (let first = 0; first < count; first += 1_000) {
        const changes: Change[] = [];
        for (let index = first; index < Math.min(count, first + 1_000); index++) {
          const id = systemRandom.id();
          const address = `198.${18 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
          const status = { state: 'unknown', message: '', address, dataPathAddress: address } as const;
          changes.push({ action: 'create', kind: 'node', object: { id, createdAt: now, updatedAt: now, index: index + 2, spec: { labels: {}, role: 'worker', availability: 'active' }, status } });
          this.nodeIds.push(id);
        }
        await store.commit(changes);
      }
    });
  }

  async #startAgents(): Promise<void> {
    const { clusterId } = requireNodeFiles(join(this.dir, 'state'));
    const { ca } = requireManagerFiles(join(this.dir, 'state'));
    const order: AgentsOrder = { manager: `127.0.0.1:${this.ports.rpc}`, clusterId, ca, nodeIds: this.nodeIds };
    this.#agents = fork(process.argv[1]!, ['agents'], { execArgv: ['--max-old-space-size=12000'] });
    this.#agents.on('message', (news: AgentsNews) => (this.news = news));
    this.#agents.send(order);
    await this.connected();
  }
}

/** What `shoal init` writes. */
async function foundCluster(stateDir: string, port: number): Promise<void> {
  mkdirSync(stateDir, { recursive: true });
  const clock = systemClock;
  const [clusterId, nodeId] = [systemRandom.id(), systemRandom.id()];
  const subject = { nodeId, role: 'manager', clusterId } as const;
  const ca = await createCa('bench', clock);
  const etcdCa = await createCa('bench etcd', clock);
  const digest = certificateDigest(ca.certificate);
  const address = '127.0.0.1';
  writeManagerFiles(stateDir, {
    clusterName: 'bench',
    addressPools: ['10.0.0.0/8'],
    subnetBits: 24,
    dataPathPort: 4789,
    joinTokens: { worker: createJoinToken(digest), manager: createJoinToken(digest) },
    ca,
    etcdCa,
    etcd: await issueWithKey(etcdCa, subject, { dnsNames: ['localhost'], ipAddresses: [address], clock }),
    secretKey: randomBytes(32),
  });
  writeNodeFiles(stateDir, {
    nodeId,
    clusterId,
    role: 'manager',
    address,
    dataPathAddress: address,
    managers: [`${address}:${port}`],
    caCertificate: ca.certificate,
    identity: await issueWithKey(ca, subject, { dnsNames: [managerServerName, nodeId], ipAddresses: [address], clock }),
  });
}
