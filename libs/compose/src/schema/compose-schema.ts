import { boolean, envOrLabels, extensions, field, list, openMap, options, strictMap, string } from './shapes.js';
import { service } from './service-schema.js';
import { configSpecFields, fileSpecFields, ipamSpecFields, networkSpecFields, secretSpecFields, subnetSpecFields } from './spec-schema.js';
import type { MapShape, Shape } from './shape.js';

/** The newest version, and what a file without `version` is read as. */
export const newestMinor = 13;

export function minorOf(version: string): number | undefined {
  if (version === '' || version === '3') return newestMinor;
  const minor = /^3\.(0|[1-9][0-9]?)$/.exec(version)?.[1];
  return minor !== undefined && Number(minor) <= newestMinor ? Number(minor) : undefined;
}

const external = (strict: boolean): Shape => ({
  scalars: { kinds: ['boolean'] },
  map: { fields: { name: field(string) }, ...(strict ? {} : { open: () => true }) },
});

const network: Shape = {
  scalars: { kinds: ['null'] },
  map: {
    fields: {
      name: field(string, 5),
      driver: field(string),
      driver_opts: field(options),
      ipam: field(strictMap({ driver: field(string), config: field(list(strictMap({ subnet: field(string), ...subnetSpecFields }))), ...ipamSpecFields })),
      external: field(external(true)),
      internal: field(boolean),
      attachable: field(boolean, 2),
      labels: field(envOrLabels),
      ...networkSpecFields,
    },
    patterns: extensions(7),
  },
};

const topology = list(openMap({ segments: field(envOrLabels) }));

const clusterSpec = openMap({
  group: field(string),
  access_mode: field(
    openMap({
      scope: field(string),
      sharing: field(string),
      mount_volume: field(openMap({ fs_type: field(string), mount_flags: field(list(string)) })),
      block_volume: field(openMap({})),
    }),
  ),
  accessibility_requirements: field(openMap({ requisite: field(topology), preferred: field(topology) })),
  capacity_range: field(openMap({ required_bytes: field(string), limit_bytes: field(string) })),
  availability: field(string),
});

const volume: Shape = {
  scalars: { kinds: ['null'] },
  map: {
    fields: {
      name: field(string, 4),
      driver: field(string),
      driver_opts: field(options),
      external: field(external(true)),
      labels: field(envOrLabels),
      'x-cluster-spec': field(clusterSpec, 10),
    },
    patterns: extensions(7),
  },
};

const fileObject = {
  name: field(string, 5),
  file: field(string),
  external: field(external(false)),
  labels: field(envOrLabels),
  template_driver: field(string, 8),
};

const config: Shape = { map: { fields: { ...fileObject, ...configSpecFields }, patterns: extensions(7) } };

const secret: Shape = { map: { fields: { ...fileObject, ...secretSpecFields, driver: field(string, 8), driver_opts: field(options, 8) }, patterns: extensions(7) } };

const names = /^[a-zA-Z0-9._-]+$/;

function section(shape: Shape, open = false): Shape {
  const map: MapShape = { fields: {}, patterns: [{ keys: names, shape }], ...(open ? { open: () => true } : {}) };
  return { map };
}

/** A whole compose file, version 3.0 to 3.13; fields say since which version they exist. */
export const composeFile: Shape = {
  map: {
    fields: {
      version: field(string),
      ...fileSpecFields,
      services: field(section(service)),
      networks: field(section(network, true)),
      volumes: field(section(volume)),
      secrets: field(section(secret), 1),
      configs: field(section(config), 3),
    },
    patterns: extensions(4),
  },
};
