import type { Position } from './problems.js';
import type { Value } from './yaml/value.js';
import type { Kind, Struct } from './fields/kind.js';
import { printFields, struct } from './fields/kind.js';
import { extensions } from './fields/mappings.js';
import { fileObjectFields, networkFields, volumeFields } from './tables/sections.js';
import { serviceFields } from './tables/service.js';

export interface Extended {
  /** Fields `x-…` as they are written. */
  extensions?: Map<string, Value>;
}

export type Service = Struct<typeof serviceFields> & Extended;
export type Network = Struct<typeof networkFields> & Extended;
export type Volume = Struct<typeof volumeFields> & Extended;
/** A secret or a config; `value` is what `environment` stands for, which is never printed. */
export type FileObject = Struct<typeof fileObjectFields> & Extended & { value?: string };

export const serviceKind = extensible(serviceFields);
export const networkKind = extensible(networkFields);
export const volumeKind = extensible(volumeFields);
export const fileObjectKind = extensible(fileObjectFields);

/** Compose files after interpolation, checks, normalisation to the long form, and merging. */
export interface ComposeConfig extends Extended {
  version: string;
  /** What the stack is called unless its user says otherwise. */
  name?: string;
  /** Absolute; relative paths in the files begin here. */
  workingDir: string;
  services: Map<string, Service>;
  networks: Map<string, Network>;
  volumes: Map<string, Volume>;
  secrets: Map<string, FileObject>;
  configs: Map<string, FileObject>;
  /** Services that no active profile asks for, with their profiles. */
  inactive: Map<string, string[]>;
  /** Absolute paths of the env files that were read. */
  envFiles: string[];
  /** Absolute paths of the compose files that were included or extended, and of the files with variables for them. */
  sourceFiles: string[];
  /** What `!reset` and `!override` take away from earlier files, each as the keys that lead there. */
  takenAway: string[][];
  /** Where each key is written, by dotted path; of several files the last one that has it. */
  positions: Map<string, Position>;
}

/** Adds extension fields, which are printed after the others. */
function extensible<F extends Parameters<typeof struct>[0]>(fields: F): Kind<Struct<F> & Extended> {
  const plain = struct(fields);
  return {
    decode(value, context) {
      if (value.kind === 'null') return {} as Struct<F> & Extended;
      const decoded = plain.decode(value, context);
      const extra = extensions.decode(value, context);
      extra?.delete('x-cluster-spec');
      return decoded && { ...decoded, ...(extra && extra.size > 0 ? { extensions: extra } : {}) };
    },
    merge(base, override) {
      const extra = base.extensions && override.extensions ? extensions.merge(base.extensions, override.extensions) : (base.extensions ?? override.extensions);
      return { ...(plain.merge(base, override) as Struct<F>), ...(extra ? { extensions: extra } : {}) };
    },
    print(value) {
      const printed = printFields(fields, value as Struct<F>);
      const extra = value.extensions && extensions.print(value.extensions);
      return new Map([...printed, ...(extra instanceof Map ? extra : [])]);
    },
  };
}
