import { listOf } from '../fields/collections.js';
import type { Kind } from '../fields/kind.js';
import { replace, struct, wrongKind } from '../fields/kind.js';
import { strings } from '../fields/lists.js';
import { labels, options } from '../fields/mappings.js';
import { byteSize, flag, optionalFlag, text } from '../fields/scalars.js';

/* Networks, volumes, secrets and configs, as `service.ts` for services. */

/** `external: true`, or a mapping with the (deprecated) name of what exists. */
const external: Kind<{ name?: string }> = {
  decode(value, context) {
    if (value.kind === 'bool') return value.value ? {} : undefined;
    if (value.kind !== 'map') return wrongKind(value, context, 'true, false or a mapping');
    return struct({ name: text }).decode(value, context);
  },
  merge: replace,
  print: () => true,
};

const subnet = struct({ subnet: text, ip_range: text, gateway: text, aux_addresses: options }, { keepEmpty: true });
const ipam = struct({ driver: text, config: listOf(subnet), options });

export const networkFields = { name: text, driver: text, driver_opts: options, ipam, external, internal: flag, attachable: flag, labels, enable_ipv4: optionalFlag, enable_ipv6: flag, 'x-default-deny': flag };

const segments = listOf(struct({ segments: labels }, { keepEmpty: true }));

const clusterSpec = struct(
  {
    group: text,
    access_mode: struct(
      {
        scope: text,
        sharing: text,
        mount_volume: struct({ fs_type: text, mount_flags: strings }, { keepEmpty: true }),
        block_volume: struct({}, { keepEmpty: true }),
      },
      { keepEmpty: true },
    ),
    accessibility_requirements: struct({ requisite: segments, preferred: segments }, { keepEmpty: true }),
    capacity_range: struct({ required_bytes: byteSize, limit_bytes: byteSize }, { keepEmpty: true }),
    secrets: listOf(struct({ key: text, secret: text }, { keepEmpty: true })),
    availability: text,
  },
  { keepEmpty: true },
);

export const volumeFields = { name: text, driver: text, driver_opts: options, external, labels, 'x-cluster-spec': clusterSpec };

export const fileObjectFields = { name: text, file: text, environment: text, content: text, external, labels, driver: text, driver_opts: options, template_driver: text };
