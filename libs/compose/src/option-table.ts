import type { serviceFields } from './tables/service.js';

/** What a service's key does: what Docker says it does; something else, or more than in a swarm; nothing. */
export type OptionEffect = { effect: 'acts' | 'none' | 'differs'; note: string };

type ServiceKey = keyof typeof serviceFields | 'extends';

const acts = (note = ''): OptionEffect => ({ effect: 'acts', note });
const differs = (note: string): OptionEffect => ({ effect: 'differs', note });
/** The note is told at every deployment, as the reason why the key has no effect. */
const none = (note: string): OptionEffect => ({ effect: 'none', note });

const swarmDrops = "Docker's swarm drops it";
const specOnly = 'of the Compose Specification; Docker refuses it in stack files';

/** Every key of a service. `docs/options.md` is made from it, and the notes of a deployment. */
export const optionTable: Record<ServiceKey, OptionEffect> = {
  blkio_config: acts(specOnly),
  build: none('images are not built by a deployment; build and push the image first'),
  cap_add: acts('a node may forbid capabilities'),
  cap_drop: acts(),
  cgroup: acts(`${specOnly}: \`host\` or \`private\`; private by default, on cgroup v1 too`),
  cgroup_parent: differs(`${swarmDrops}; a path below the node's own cgroup`),
  cgroupns_mode: acts(`${swarmDrops}; \`cgroup\` is the newer word`),
  command: acts(),
  configs: acts('files in memory'),
  container_name: none('container names are made from the names of stack, service and task'),
  cpu_period: acts(specOnly),
  cpu_quota: acts(specOnly),
  cpu_shares: acts(specOnly),
  cpus: acts(`${specOnly}; the same as deploy.resources.limits.cpus`),
  cpuset: acts(specOnly),
  credential_spec: none('credential specs are for Windows; no node acts on them'),
  depends_on: differs('Docker\'s swarm drops it; obeyed at the first deployment and at updates, in both forms and with all conditions'),
  deploy: acts('with `resources.reservations.devices` of the Compose Specification: the first capability names a generic resource of the nodes, which is counted; a resource that is a device node is given to the container'),
  device_cgroup_rules: acts(specOnly),
  devices: acts(`${swarmDrops}; nodes, links to nodes, or folders of them; a task is rejected where the node has none, or forbids it`),
  dns: acts('addresses; the node asks them, so containers of the cluster\'s networks cannot be such a nameserver'),
  dns_opt: acts(specOnly),
  dns_search: acts(),
  domainname: acts(swarmDrops),
  entrypoint: acts(),
  env_file: acts('in the long form, which Docker refuses, also `required: false`; values in quotes there, unless `format: raw`'),
  environment: acts(),
  expose: none('services on the same network reach each other on every port'),
  extends: acts(`${specOnly}; of this file or another one, whose relative paths begin at its folder`),
  external_links: none('services find each other by name on a common network'),
  extra_hosts: differs('`host-gateway` is the address of the node'),
  group_add: acts(specOnly),
  healthcheck: acts(),
  hostname: acts(),
  image: acts(),
  init: acts(),
  ipc: acts(`${swarmDrops}; with \`service:NAME\` the other says \`shareable\``),
  isolation: none('it means something on Windows only'),
  labels: acts(),
  links: differs('the alias of a link is a name of that service for everybody on the networks that both are on; services find each other by name without'),
  logging: acts('the drivers json-file, local, none, syslog and journald'),
  mac_address: acts(`${swarmDrops}; of the first interface`),
  mem_limit: acts(`${specOnly}; the same as deploy.resources.limits.memory`),
  mem_reservation: acts(`${specOnly}; what the kernel tries to leave to the container, not what the scheduler counts`),
  mem_swappiness: acts(`${specOnly}; cgroup v1 only`),
  memswap_limit: acts(specOnly),
  network_mode: differs(`${swarmDrops}; \`host\`, \`none\`, \`service:NAME\` (the task of the same slot) or \`container:ID\`; \`bridge\` means the networks of the stack; ports cannot be published`),
  networks: acts('also the external networks `host` and `none`; `ipv4_address` and `ipv6_address` of a network with subnets of its own, and of the Compose Specification `mac_address`, `priority` and `gw_priority` (the highest has the default route), which Docker refuses in stack files'),
  oom_kill_disable: acts(`${specOnly}; cgroup v1 only`),
  oom_score_adj: acts(swarmDrops),
  pid: differs(`${swarmDrops}; \`service:NAME\` is the task of the same slot`),
  profiles: acts(`${specOnly}: chosen with --profile or COMPOSE_PROFILES`),
  pids_limit: acts(`${specOnly}; the same as deploy.resources.limits.pids`),
  ports: acts('a `mode: host` address to bind to is ignored by Docker and here'),
  privileged: differs(`${swarmDrops}; all capabilities that the node holds; a node may forbid it`),
  read_only: acts(),
  restart: acts('unless deploy.restart_policy is there'),
  runtime: differs(`${specOnly}; the built-in runtime answers to runc, and there is no other`),
  secrets: acts('files in memory'),
  security_opt: acts(`${swarmDrops}; seccomp profiles are sent along; apparmor and label where the node has them`),
  shm_size: acts(swarmDrops),
  stdin_open: acts(),
  stop_grace_period: acts(),
  stop_signal: acts(),
  storage_opt: { effect: 'none', note: `${specOnly}; refused: nodes cannot limit the size of a writable layer` },
  sysctls: acts('those of the container\'s own namespaces'),
  tmpfs: acts(`${swarmDrops}; with the options of mount(8)`),
  tty: acts(),
  ulimits: differs('not above what the node itself may have'),
  user: acts(),
  userns_mode: acts(`${swarmDrops}; \`host\` or \`private\``),
  uts: acts(specOnly),
  volumes: acts('with `subpath`, and the options of the driver local: type, o, device'),
  working_dir: acts(),
};

/** Keys that are accepted and do nothing, with the reason. */
export const ignoredKeys: Record<string, string> = Object.fromEntries(
  (['build', 'container_name', 'expose', 'external_links'] as const).map((key) => [key, optionTable[key].note]),
);
