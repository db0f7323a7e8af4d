import { deploy } from './deploy-schema.js';
import { attachmentSpecFields, dependencies, envFiles, portSpecFields, specFields } from './spec-schema.js';
import type { Field, Shape } from './shape.js';
import { boolean, command, duration, envOrLabels, extensions, field, integer, list, number, openMap, openPattern, options, optionsOrEmpty, strictMap, string, stringOrList, strings } from './shapes.js';

/** Options of `build`; from 3.11 on any other key is let through as well. */
const build: Shape = {
  ...string,
  map: {
    fields: {
      context: field(string),
      dockerfile: field(string),
      args: field(envOrLabels),
      cache_from: field(strings, 2),
      labels: field(envOrLabels, 3),
      network: field(string, 4),
      target: field(string, 4),
      shm_size: field({ scalars: { kinds: ['integer', 'string'] } }, 5),
      extra_hosts: field(envOrLabels, 9),
    },
    open: (minor) => minor >= 11,
  },
};

/** Healthcheck durations were not looked at before 3.4, but then fail as soon as they are read. */
const healthcheck = strictMap({
  disable: field(boolean),
  interval: field(duration),
  retries: field(number),
  test: field(command),
  timeout: field(duration),
  start_period: field(duration, 4),
  start_interval: field(duration, 12),
});

const fileReference: Shape = {
  ...string,
  ...openMap({ source: field(string), target: field(string), uid: field(string), gid: field(string), mode: field(number) }),
};

const credentialSpec = strictMap({ config: field(string, 8), file: field(string), registry: field(string) });

const serviceNetwork: Shape = {
  scalars: { kinds: ['null'] },
  ...strictMap({
    aliases: field(strings),
    ipv4_address: field(string),
    ipv6_address: field(string),
    driver_opts: field(options, 13),
    ...attachmentSpecFields,
  }),
};

const networks: Shape = { ...strings, map: { fields: {}, patterns: [{ keys: /^[a-zA-Z0-9._-]+$/, shape: serviceNetwork }] } };

const port: Shape = {
  scalars: { kinds: ['number', 'string'] },
  ...strictMap({ mode: field(string), target: field(integer), published: field(integer), protocol: field(string), ...portSpecFields }),
};
const portField: Field = { ...field({ list: { items: port, unique: () => true } }), shapeBefore: { minor: 2, shape: list({ scalars: { kinds: ['number', 'string'] } }, true) } };

const size: Shape = {
  scalars: {
    kinds: ['integer'],
    check: (value) => (numeric(value) < 0 ? { message: 'must not be negative' } : undefined),
  },
};

function numeric(value: { kind: string; value?: unknown }): number {
  return Number(value.value);
}

const mount: Shape = {
  ...string,
  ...strictMap(
    {
      type: field(string),
      source: field(string),
      target: field(string),
      read_only: field(boolean),
      consistency: field(string),
      bind: field(openMap({ propagation: field(string) })),
      volume: field(openMap({ nocopy: field(boolean) })),
      tmpfs: field(openMap({ size: field(size) }), 6),
    },
    ['type'],
  ),
};
const volumes: Field = { ...field(list(mount)), shapeBefore: { minor: 2, shape: strings } };

const ulimit: Shape = { scalars: { kinds: ['integer'] }, ...strictMap({ soft: field(integer), hard: field(integer) }, ['soft', 'hard']) };

const expose = list({ scalars: { kinds: ['string', 'number'] } }, true);

export const service: Shape = {
  map: {
    fields: {
      build: field(build),
      cap_add: field(strings),
      cap_drop: field(strings),
      cgroup_parent: field(string),
      cgroupns_mode: field(string, 9),
      command: field(command),
      configs: field(list(fileReference), 3),
      container_name: field(string),
      credential_spec: field(credentialSpec, 3),
      depends_on: field(dependencies),
      deploy: field(deploy),
      devices: field(strings),
      dns: field(stringOrList),
      dns_search: field(stringOrList),
      domainname: field(string),
      entrypoint: field(command),
      env_file: field(envFiles),
      environment: field(envOrLabels),
      expose: field(expose),
      external_links: field(strings),
      extra_hosts: field(envOrLabels),
      healthcheck: field(healthcheck),
      hostname: field(string),
      image: field(string),
      init: field(boolean, 7),
      ipc: field(string),
      isolation: field(string, 5),
      labels: field(envOrLabels),
      links: field(strings),
      logging: field(strictMap({ driver: field(string), options: field(optionsOrEmpty) })),
      mac_address: field(string),
      network_mode: field(string),
      networks: field(networks),
      oom_score_adj: field(integer, 13),
      pid: field({ scalars: { kinds: ['string', 'null'] } }),
      ports: portField,
      privileged: field(boolean),
      read_only: field(boolean),
      restart: field(string),
      secrets: field(list(fileReference), 1),
      security_opt: field(strings),
      shm_size: field({ scalars: { kinds: ['number', 'string'] } }),
      stdin_open: field(boolean),
      stop_grace_period: field(duration),
      stop_signal: field(string),
      sysctls: field(envOrLabels),
      tmpfs: field(stringOrList),
      tty: field(boolean),
      ulimits: field(openPattern(/^[a-z]+$/, ulimit)),
      user: field(string),
      userns_mode: field(string),
      volumes,
      working_dir: field(string),
      ...specFields,
    },
    patterns: extensions(7),
  },
};
