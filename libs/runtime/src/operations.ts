import { Buffer } from 'node:buffer';
import { Bug } from '../../base/src/index.js';

/**
 * The words between the agent and the shim, the twin of `shim/protocol.h` (a test compares them).
 * Every record is: kind u32, length u32, payload; little-endian; strings end with NUL.
 */
const shapes = {
  container: [1, 'u32', 'u64', 'text', 'text', 'text', 'text'],
  exec: [2, 'u32', 'u32', 'u64', 'u32', 'u32', 'u32'],
  streams: [4, 'u32', 'u32', 'u32', 'u64', 'u32', 'u32', 'text', 'bytes'],
  files: [8, 'u32', 'u32', 'u64'],
  launch: [3, 'u32', 'u64', 'u32', 'u64', 'u32', 'u32', 'text', 'text', 'text'],

  joinCgroup: [10, 'text'],
  joinNamespace: [11, 'u32', 'text'],
  joinTarget: [12, 'u32'],
  unshare: [13, 'u32'],
  propagation: [14, 'u32', 'text'],
  userNamespace: [15, 'text', 'text', 'text'],
  enterUserNamespace: [16],
  timeNamespace: [17, 'text'],
  loopback: [18],
  writeAs: [19, 'u32', 'u32'],

  mount: [20, 'u32', 'text', 'text', 'text', 'text'],
  openTree: [21, 'u32', 'u32', 'text'],
  openRoot: [22, 'text'],
  filesystem: [23, 'u64', 'u32', 'text', 'text', 'texts'],
  attach: [24, 'u32', 'u64', 'u64', 'u32', 'u32', 'text'],
  directory: [25, 'u32', 'text'],
  file: [26, 'u32', 'u32', 'u32', 'text', 'bytes'],
  symlink: [27, 'text', 'text'],
  node: [28, 'u32', 'u32', 'u32', 'text'],
  readOnly: [29, 'u32', 'text'],
  mask: [30, 'text'],
  pivot: [31],
  copyUp: [32, 'u32', 'text'],
  readFile: [33, 'u32', 'text'],
  mapIds: [34, 'u32', 'u32', 'text', 'text'],
  openTreeIn: [35, 'u32', 'u32', 'text', 'text'],
  owner: [36, 'u32', 'u32', 'text'],
  mountOptions: [37, 'u64', 'u64', 'u64', 'u32', 'text'],

  hostname: [40, 'text'],
  sysctl: [41, 'u32', 'text', 'text'],
  rlimit: [42, 'u32', 'u64', 'u64'],
  oomScore: [43, 'text'],
  umask: [44, 'u32'],
  noNewPrivileges: [45],
  seccomp: [46, 'u32', 'u32', 'bytes'],
  seccompListener: [56, 'text', 'text'],
  bounding: [47, 'u64'],
  user: [48, 'u32', 'u32', 'u32s'],
  capabilities: [49, 'u64', 'u64', 'u64'],
  workingDirectory: [50, 'text'],
  environment: [51, 'texts'],
  arguments: [52, 'texts'],
  terminal: [53, 'u32', 'u32'],
  stdin: [54],
  deviceFilter: [55, 'text', 'bytes'],
  console: [88],
  domainname: [80, 'text'],
  ownStreams: [81, 'u32', 'u32'],
  ambient: [82, 'u64'],
  label: [83, 'text', 'text'],
  personality: [84, 'u32'],
  ioPriority: [85, 'u32'],
  scheduler: [86, 'u32', 'u32', 'u32', 'u64', 'u64', 'u64', 'u64'],
  hook: [58, 'u32', 'u32', 'u32', 'text', 'text', 'texts', 'texts'],
  userProcess: [89, 'u64', 'text', 'text'],
  moveRoot: [90, 'text'],
  handOver: [91],
  cpuAffinity: [92, 'u32s'],
  ready: [59],

  filesStat: [100, 'text'],
  filesRead: [101, 'text', 'text'],
  filesRoot: [102],
  filesLayer: [103, 'text'],
  filesWrite: [104, 'u32', 'text'],
  filesEntry: [105, 'bytes'],
  filesContent: [106, 'u64', 'bytes'],
  filesEnd: [107],

  go: [60],
  signal: [61, 'u32'],
  resize: [62, 'u32', 'u32'],
  follow: [63, 'u32'],
  input: [64, 'bytes'],
  inputEnd: [65],
  logCompressed: [66, 'u64', 'text'],
} as const satisfies Record<string, readonly [number, ...FieldKind[]]>;

/** Kinds of what the shim answers. */
export const replyKinds = { event: 70, file: 71, output: 72, error: 73, lost: 74, entry: 110, content: 111 } as const;

export const protocolVersion = 2;
export const maxRecordBytes = 4 << 20;
export const recordHeaderBytes = 8;

/** What becomes of a container's streams (`enum streams_option`), and of an exec (`enum exec_option`). */
export const streamsOptions = { input: 1, inputOnce: 2, compress: 4 } as const;
export const execOptions = { input: 1, endsWithClient: 2 } as const;
/** Of a launched process (`enum launch_option`). */
export const launchOptions = { stay: 1, seccompListener: 2, userProcess: 4 } as const;

/** How the target of a mount is found and made (`enum target_rule`). */
export const targetRules = { createDirectory: 1, createFile: 2, noSymlinks: 4, mayBeProc: 8, replaceSymlink: 16, copyUp: 32 } as const;

interface FieldTypes {
  u32: number;
  u64: bigint;
  text: string;
  bytes: Buffer;
  texts: readonly string[];
  u32s: readonly number[];
}
type FieldKind = keyof FieldTypes;

type Shapes = typeof shapes;
type Fields<Shape> = Shape extends readonly [number, ...infer Kinds] ? { [I in keyof Kinds]: Kinds[I] extends FieldKind ? FieldTypes[Kinds[I]] : never } : never;

/** One step of a launch program: its name, then its fields in the order of `shim/protocol.h`. */
export type Operation = { [Name in keyof Shapes]: readonly [Name, ...Fields<Shapes[Name]>] }[keyof Shapes];

export function operationKinds(): Record<string, number> {
  return Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, shape[0]]));
}

export function encodeProgram(operations: readonly Operation[]): Buffer {
  return Buffer.concat(operations.map(encodeOperation));
}

function encodeOperation(operation: Operation): Buffer {
  const [name, ...values] = operation;
  const [kind, ...kinds] = shapes[name] as readonly [number, ...FieldKind[]];
  const fields = kinds.map((fieldKind, index) => encodeField(name, fieldKind, values[index]));
  const length = fields.reduce((sum, field) => sum + field.length, 0);
  if (length > maxRecordBytes) throw new Bug(`the operation ${name} has ${length} bytes, more than the shim takes`);
  const header = Buffer.allocUnsafe(recordHeaderBytes);
  header.writeUInt32LE(kind, 0);
  header.writeUInt32LE(length, 4);
  return Buffer.concat([header, ...fields]);
}

function encodeField(name: string, kind: FieldKind, value: unknown): Buffer {
  switch (kind) {
    case 'u32':
      return encodeU32(name, value as number);
    case 'u64': {
      const bytes = Buffer.allocUnsafe(8);
      bytes.writeBigUInt64LE(value as bigint);
      return bytes;
    }
    case 'text':
      return encodeText(name, value as string);
    case 'bytes':
      return value as Buffer;
    case 'texts':
      return Buffer.concat((value as string[]).map((text) => encodeText(name, text)));
    case 'u32s':
      return Buffer.concat((value as number[]).map((number) => encodeU32(name, number)));
  }
}

function encodeU32(name: string, value: number): Buffer {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) throw new Bug(`${value} in the operation ${name} is no unsigned 32-bit number`);
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function encodeText(name: string, text: string): Buffer {
  if (text.includes('\0')) throw new Bug(`${JSON.stringify(text)} in the operation ${name} holds a NUL`);
  return Buffer.from(text + '\0', 'utf8');
}
