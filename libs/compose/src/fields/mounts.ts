import type { Value } from '../yaml/value.js';
import type { Context } from './kind.js';
import { struct, unprinted, wrongKind } from './kind.js';
import { keyedList } from './keyed-list.js';
import { flag, mode, optionalFlag, signed, text } from './scalars.js';

const mountKind = struct({
  type: text,
  source: text,
  target: text,
  read_only: flag,
  consistency: text,
  bind: struct({ propagation: text, create_host_path: unprinted(optionalFlag), recursive: unprinted(text) }, { keepEmpty: true }),
  volume: struct({ nocopy: flag, subpath: text }, { keepEmpty: true }),
  tmpfs: struct({ size: signed, mode: unprinted(mode) }, { keepEmpty: true }),
}, { keepEmpty: true });

/** One entry of a service's `volumes`. */
export interface ComposeMount {
  type?: string;
  source?: string;
  target?: string;
  read_only?: boolean;
  consistency?: string;
  bind?: { propagation?: string; create_host_path?: boolean; recursive?: string };
  volume?: { nocopy?: boolean; subpath?: string };
  tmpfs?: { size?: bigint; mode?: bigint };
}

export const mounts = keyedList<ComposeMount, string>(mountKind, (mount) => mount.target ?? '', decodeShort);

function decodeShort(value: Value, context: Context): ComposeMount[] | undefined {
  if (value.kind !== 'string') return wrongKind(value, context, 'a volume such as "data:/var/data", or a mapping');
  const mount = parseMountSpec(value.text);
  if ('message' in mount) {
    context.findings.problem(value.at, context.path, mount.message, 'volumes look like "name:/path", "./folder:/path:ro" or "/path"');
    return undefined;
  }
  for (const unknown of mount.unknownOptions) context.findings.note('ignored', value.at, context.path, `the option "${unknown}" has no effect here`);
  if (/^[a-zA-Z]:\//.test(value.text) && mount.mount.type === 'bind') {
    context.findings.note('surprising', value.at, context.path, `"${value.text[0]}:" is taken for a Windows drive, not for a volume; use a longer name`);
  }
  return [mount.mount];
}

const propagations = ['rprivate', 'private', 'rshared', 'shared', 'rslave', 'slave'];

/** `[source:]target[:options]`. One letter before a colon is a Windows drive, wherever it stands. */
function parseMountSpec(spec: string): { mount: ComposeMount; unknownOptions: string[] } | { message: string } {
  if (spec === '') return { message: 'the volume is empty' };
  if (new TextEncoder().encode(spec).length <= 2) return { mount: { type: 'volume', target: spec }, unknownOptions: [] };
  const sections = splitSections(spec);
  if (sections.some((section) => section === '')) return { message: `"${spec}" has nothing between two colons` };
  if (sections.length > 3) return { message: `"${spec}" has too many colons` };
  if (sections.length === 1) return { mount: { type: 'volume', target: spec }, unknownOptions: [] };
  const [source, target, options = ''] = sections as [string, string, string?];
  const mount: ComposeMount = { type: isPath(source) ? 'bind' : 'volume', source, target };
  const unknownOptions = options.split(',').filter((option) => option !== '' && !applyOption(mount, option));
  return { mount, unknownOptions };
}

function splitSections(spec: string): string[] {
  const sections = [''];
  for (const character of spec) {
    const section = sections.at(-1) as string;
    if (character === ':' && !/^\p{L}$/u.test(section)) sections.push('');
    else sections[sections.length - 1] = section + character;
  }
  return sections;
}

function applyOption(mount: ComposeMount, option: string): boolean {
  if (option === 'ro') mount.read_only = true;
  else if (option === 'rw') delete mount.read_only;
  else if (option === 'nocopy') mount.volume = { nocopy: true };
  else if (propagations.includes(option)) mount.bind = { propagation: option };
  else return false;
  return true;
}

function isPath(source: string): boolean {
  return /^[./~]/.test(source) || source.startsWith('\\\\') || /^\p{L}:/u.test(source);
}
