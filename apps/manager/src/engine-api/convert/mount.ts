import type { Mount } from '../../../../../libs/model/src/index.js';
import { ApiError } from '../../http/api-error.js';
import type { JsonInput } from '../json-input.js';
import { nonEmptyMap, omitAbsent, omitEmpty, type Json } from '../json-output.js';

export function mountFrom(input: JsonInput): Mount {
  const type = input.string('Type') || 'volume';
  const common = { target: input.string('Target') ?? '', ...(input.boolean('ReadOnly') ? { readOnly: true } : {}) };
  const source = input.string('Source') ?? '';
  switch (type) {
    case 'bind':
      return bindFrom(input, { ...common, source });
    case 'volume':
      return volumeFrom(input, { ...common, source });
    case 'tmpfs':
      return tmpfsFrom(input, common);
    case 'npipe':
    case 'cluster':
    case 'image':
      return { type, source, ...common };
    default:
      throw new ApiError(400, `invalid MountType: "${type}"`);
  }
}

function bindFrom(input: JsonInput, common: { source: string; target: string }): Mount {
  const options = input.object('BindOptions');
  return {
    type: 'bind',
    ...common,
    ...(input.string('Consistency') ? { consistency: input.string('Consistency')! } : {}),
    ...(options?.string('Propagation') ? { propagation: options.string('Propagation')! } : {}),
    ...(options?.boolean('NonRecursive') ? { nonRecursive: true } : {}),
    ...(options?.boolean('CreateMountpoint') ? { createMountpoint: true } : {}),
    ...(options?.boolean('ReadOnlyNonRecursive') ? { readOnlyNonRecursive: true } : {}),
    ...(options?.boolean('ReadOnlyForceRecursive') ? { readOnlyForceRecursive: true } : {}),
  };
}

function volumeFrom(input: JsonInput, common: { source: string; target: string }): Mount {
  const options = input.object('VolumeOptions');
  const driver = options?.object('DriverConfig');
  return {
    type: 'volume',
    ...common,
    ...(options?.boolean('NoCopy') ? { noCopy: true } : {}),
    ...(options?.string('Subpath') ? { subpath: options.string('Subpath')! } : {}),
    ...(options?.labels('Labels') ? { labels: options.labels('Labels')! } : {}),
    ...(driver ? { driver: { ...(driver.string('Name') ? { name: driver.string('Name')! } : {}), options: driver.labels('Options') ?? {} } } : {}),
  };
}

function tmpfsFrom(input: JsonInput, common: { target: string; readOnly?: boolean }): Mount {
  const options = input.object('TmpfsOptions');
  const more = tmpfsOptionsFrom(options?.members['Options'], common.target);
  return {
    type: 'tmpfs',
    ...common,
    ...(options?.integer('SizeBytes') ? { sizeBytes: options.integer('SizeBytes')! } : {}),
    ...(options?.integer('Mode') ? { mode: options.integer('Mode')! } : {}),
    ...(more.length > 0 ? { options: more } : {}),
  };
}

/** Docker's `[["uid", "1000"], ["exec"]]` → `uid=1000`, `exec`. */
function tmpfsOptionsFrom(value: unknown, target: string): string[] {
  if (value === undefined || value === null) return [];
  const isList = Array.isArray(value) && value.every((words) => Array.isArray(words) && words.length > 0 && words.length <= 2 && words.every((word) => typeof word === 'string'));
  if (!isList) throw new ApiError(400, `mount ${target}: invalid TmpfsOptions.Options: they are lists of one or two strings`);
  return (value as string[][]).map((words) => words.join('='));
}

export function mountTo(mount: Mount): Json {
  const common = omitEmpty({
    Type: mount.type,
    Source: mount.type === 'tmpfs' ? '' : mount.source,
    Target: mount.target,
    ReadOnly: mount.readOnly,
    Consistency: mount.type === 'bind' ? mount.consistency : '',
  });
  return { ...common, ...omitAbsent(optionsTo(mount)) };
}

function optionsTo(mount: Mount): Json {
  switch (mount.type) {
    case 'bind': {
      const options = omitEmpty({ Propagation: mount.propagation, NonRecursive: mount.nonRecursive, CreateMountpoint: mount.createMountpoint, ReadOnlyNonRecursive: mount.readOnlyNonRecursive, ReadOnlyForceRecursive: mount.readOnlyForceRecursive });
      return { BindOptions: nonEmptyMap(options) };
    }
    case 'volume': {
      const driver = mount.driver && omitEmpty({ Name: mount.driver.name, Options: nonEmptyMap(mount.driver.options) });
      const options = omitEmpty({ NoCopy: mount.noCopy, Labels: mount.labels, Subpath: mount.subpath, DriverConfig: driver });
      return { VolumeOptions: nonEmptyMap(options) };
    }
    case 'tmpfs':
      return { TmpfsOptions: nonEmptyMap(omitEmpty({ SizeBytes: mount.sizeBytes, Mode: mount.mode, Options: mount.options?.map(wordsOf) })) };
    default:
      return {};
  }
}

function wordsOf(option: string): string[] {
  const at = option.indexOf('=');
  return at < 0 ? [option] : [option.slice(0, at), option.slice(at + 1)];
}
