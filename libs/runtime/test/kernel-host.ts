import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ContainerSpec } from '../../model/src/index.js';
import { openRuntime, type ContainerExit, type ContainerRequest, type LinuxRuntime, type RuntimeEvent } from '../src/index.js';
import { makeBusyboxLayer } from './busybox.js';

const shimSources = join(import.meta.dirname, '../shim');

/** Everything that a kernel test of the runtime needs, and its whole removal. */
export class KernelHost {
  readonly directory = mkdtempSync(join(tmpdir(), 'shoal-runtime-'));
  readonly name = this.directory.slice(this.directory.lastIndexOf('-') + 1).toLowerCase();
  readonly netns = `rt-${this.name}`;
  readonly cgroupParent = `shoal-test/${this.name}`;
  readonly layer = join(this.directory, 'layer');
  /** A machine that compiles slowly gets it ready-made. */
  readonly shimPath = process.env['SHOAL_TEST_SHIM'] ?? join(this.directory, 'bin/shoal-shim');
  readonly stateDir = join(this.directory, 'state');
  readonly journalSocket = join(this.directory, 'journal');
  readonly events: RuntimeEvent[] = [];
  readonly signal = AbortSignal.timeout(600_000);
  runtime!: LinuxRuntime;
  #count = 0;

  static async open(): Promise<KernelHost> {
    const host = new KernelHost();
    if (!existsSync(host.shimPath)) execFileSync('make', ['-s', '-C', shimSources, `OUTPUT=${host.shimPath}`], { stdio: ['ignore', 'ignore', 'inherit'] });
    makeBusyboxLayer(host.layer);
    execFileSync('ip', ['netns', 'add', host.netns]);
    await host.openRuntime();
    return host;
  }

  async openRuntime(): Promise<LinuxRuntime> {
    this.runtime = await openRuntime({ stateDir: this.stateDir, journalSocket: this.journalSocket, shimPath: this.shimPath, cgroupParent: this.cgroupParent, trace: (event) => this.events.push(event) });
    return this.runtime;
  }

  async close(): Promise<void> {
    for (const { id } of await this.runtime.list()) await this.runtime.remove(id);
    await this.runtime.close();
    execFileSync('ip', ['netns', 'delete', this.netns]);
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Roots of the hierarchies in which this host's groups stand. */
  cgroupParents(): string[] {
    const roots = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => / - cgroup2? /.test(line)).map((line) => line.split(' ')[4]!);
    return roots.filter((root) => existsSync(join(root, this.cgroupParent)));
  }

  nextId(): string {
    return `c${++this.#count}`;
  }

  request(spec: Partial<ContainerSpec> = {}, rest: Partial<ContainerRequest> = {}): ContainerRequest {
    const image = { layerDirs: [this.layer], entrypoint: [], cmd: ['sh'], env: [], workingDir: '', user: '', volumes: [], ...rest.image };
    return {
      id: this.nextId(),
      name: 'web.1.test',
      limits: {},
      hostname: 'inside',
      netnsPath: `/run/netns/${this.netns}`,
      nameservers: ['127.0.0.11'],
      searchDomains: [],
      resolvOptions: ['ndots:0'],
      hostLines: ['10.0.1.2\tinside'],
      files: [],
      labels: { task: 'web.1' },
      log: { driver: 'json-file', options: { 'max-size': '-1' } },
      ...rest,
      image,
      spec: {
        image: 'busybox', labels: {}, env: [], hosts: [], secrets: [], configs: [], mounts: [],
        capabilityAdd: [], capabilityDrop: [], sysctls: {}, ulimits: [], ...spec,
      },
    };
  }

  /** Runs `sh -c script` to its end, removes it, and returns its exit and what it printed. */
  async run(script: string, spec: Partial<ContainerSpec> = {}, rest: Partial<ContainerRequest> = {}): Promise<{ exit: ContainerExit; output: string }> {
    const id = await this.start(script, spec, rest);
    const exit = await this.runtime.wait(id, this.signal);
    const output = await this.logText(id);
    await this.runtime.remove(id);
    return { exit, output };
  }

  async start(script: string, spec: Partial<ContainerSpec> = {}, rest: Partial<ContainerRequest> = {}): Promise<string> {
    const request = this.request({ command: ['sh', '-c', script], ...spec }, rest);
    await this.runtime.create(request, this.signal);
    await this.runtime.start(request.id);
    return request.id;
  }

  async logText(id: string): Promise<string> {
    let text = '';
    for await (const line of this.runtime.logs(id, { follow: false, signal: this.signal })) text += `${line.text}\n`;
    return text;
  }

  /** Follows the log until a line holds `text`. */
  async untilPrinted(id: string, text: string): Promise<void> {
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(20_000)]);
    for await (const line of this.runtime.logs(id, { follow: true, signal })) {
      if (!line.text.includes(text)) continue;
      stop.abort();
      return;
    }
    throw new Error(`container ${id} did not print ${text}; it printed: ${await this.logText(id)}`);
  }

  writeDirectory(name: string): string {
    const path = join(this.directory, name);
    mkdirSync(path, { recursive: true });
    return path;
  }
}
