import { optionTable, type OptionEffect } from './option-table.js';

const acts = (note = ''): OptionEffect => ({ effect: 'acts', note });
const differs = (note: string): OptionEffect => ({ effect: 'differs', note });
const none = (note: string): OptionEffect => ({ effect: 'none', note });

const specOnly = 'of the Compose Specification; Docker refuses it in stack files';

const fileObject = {
  name: acts(),
  file: acts('a changed file makes another version, and only what uses it gets new tasks'),
  environment: acts(specOnly),
  external: acts(),
  labels: acts(),
  template_driver: acts('`golang`'),
};

/** Every key of a file that is not one of a service: `docs/compose.md` is made from it, and `stack lint`. */
export const sectionTable = {
  file: {
    version: acts('3 to 3.13, which decides what keys there are; the newest without it'),
    name: acts(`${specOnly}; the stack is called so unless the command says otherwise`),
    include: acts(`${specOnly}; with the folder and the .env of each file`),
    services: acts(),
    networks: acts('only those that a service uses are made'),
    volumes: acts(),
    secrets: acts(),
    configs: acts(),
  },
  deploy: {
    mode: acts(),
    endpoint_mode: acts(),
    replicas: differs('absent it keeps the count that there is'),
    labels: acts(),
    update_config: acts('the new container is made before the old one stops'),
    rollback_config: acts(),
    resources: acts(),
    restart_policy: differs('the delay doubles after each crash, up to a minute'),
    placement: differs('`node.labels.x in (a, b)` beside Docker\'s constraints'),
  },
  network: {
    name: acts(),
    driver: acts('`overlay`; there is no other'),
    driver_opts: differs('the MTU and `encrypted`; others are told'),
    ipam: acts(`also \`ip_range\`, \`gateway\` and \`aux_addresses\`, which are ${specOnly}`),
    external: acts(),
    internal: acts(),
    attachable: acts(),
    labels: acts(),
    enable_ipv4: acts(`${specOnly}; \`false\` is refused`),
    enable_ipv6: acts(specOnly),
  },
  volume: {
    name: acts('may be a template such as `data-{{.Task.Slot}}`'),
    driver: acts('`local`'),
    driver_opts: acts('of the driver local: type, o, device'),
    external: acts(),
    labels: acts(),
    'x-cluster-spec': none('there are no cluster volumes'),
  },
  secret: { ...fileObject, driver: none('there are no secret drivers'), driver_opts: none('there are no secret drivers') },
  config: { ...fileObject, content: acts(specOnly) },
} satisfies Record<string, Record<string, OptionEffect>>;

/** What the key at the end of a path means; the path begins with the section, its second part is a name. Undefined: nothing of its own. */
export function effectOf(keys: readonly string[]): OptionEffect | undefined {
  const [section, , key, inner] = keys;
  if (keys.length === 1) return lookUp(sectionTable.file, section!);
  if (section === 'services' && keys.length === 3) return lookUp(optionTable, key!);
  if (section === 'services' && keys.length === 4 && key === 'deploy') return lookUp(sectionTable.deploy, inner!);
  if (keys.length !== 3) return undefined;
  const tables: Record<string, Record<string, OptionEffect>> = { networks: sectionTable.network, volumes: sectionTable.volume, secrets: sectionTable.secret, configs: sectionTable.config };
  return tables[section!] && lookUp(tables[section!]!, key!);
}

/** Extension fields that are Shoal's own are known to the schema; others are nobody's. */
function lookUp(table: Record<string, OptionEffect>, key: string): OptionEffect | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
