import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, Refused } from '../../base/src/index.js';
import type { NodeRole } from '../../model/src/index.js';
import type { KeyPair } from './ca.js';

/**
 * The files that make a host a member of a cluster, under its state folder:
 *
 *     node/   node.json  ca.crt  node.crt  node.key                  every node
 *     manager/ cluster.json  ca.key  etcd-ca.crt  etcd-ca.key
 *              etcd.crt  etcd.key  secret.key                        managers
 */
export interface NodeFiles {
  nodeId: string;
  clusterId: string;
  role: NodeRole;
  /** Address that others reach this node at. */
  address: string;
  dataPathAddress: string;
  /** `host:port` of the managers' gRPC port. */
  managers: string[];
  caCertificate: string;
  identity: KeyPair;
}

export interface ManagerFiles {
  clusterName: string;
  /** Networks without a subnet of their own get one out of these. */
  addressPools: string[];
  /** Prefix length of IPv4 subnets. */
  subnetBits: number;
  /** UDP port of the VXLAN underlay. */
  dataPathPort: number;
  joinTokens: { worker: string; manager: string };
  ca: KeyPair;
  etcdCa: KeyPair;
  etcd: KeyPair;
  /** 32 bytes: seals secrets in the store. */
  secretKey: Buffer;
}

export function writeNodeFiles(stateDir: string, files: NodeFiles): void {
  const { caCertificate, identity, ...facts } = files;
  const dir = privateDir(stateDir, 'node');
  writePrivate(join(dir, 'ca.crt'), caCertificate);
  writePair(dir, 'node', identity);
  // Last: its presence says that the host is a member.
  writePrivate(join(dir, 'node.json'), JSON.stringify(facts, null, 2) + '\n');
}

/** `undefined` when the host is not a member of any cluster. */
export function readNodeFiles(stateDir: string): NodeFiles | undefined {
  const dir = join(stateDir, 'node');
  const facts = readIfThere(join(dir, 'node.json'));
  if (facts === undefined) return undefined;
  return {
    ...(JSON.parse(facts) as Omit<NodeFiles, 'caCertificate' | 'identity'>),
    caCertificate: readFileSync(join(dir, 'ca.crt'), 'utf8'),
    identity: readPair(dir, 'node'),
  };
}

/** The same, for those who cannot work without. */
export function requireNodeFiles(stateDir: string): NodeFiles {
  const files = readNodeFiles(stateDir);
  if (!files) {
    throw new Refused('precondition', `${stateDir} holds no node: make a cluster with "shoal init", or join one with "shoal join"`);
  }
  return files;
}

export function writeManagerFiles(stateDir: string, files: ManagerFiles): void {
  const dir = privateDir(stateDir, 'manager');
  writePair(dir, 'ca', files.ca);
  writePair(dir, 'etcd-ca', files.etcdCa);
  writePair(dir, 'etcd', files.etcd);
  writePrivate(join(dir, 'secret.key'), files.secretKey);
  writePrivate(join(dir, 'cluster.json'), JSON.stringify(clusterFacts(files), null, 2) + '\n');
}

type ClusterFacts = Pick<ManagerFiles, 'clusterName' | 'addressPools' | 'subnetBits' | 'dataPathPort' | 'joinTokens'>;

function clusterFacts({ clusterName, addressPools, subnetBits, dataPathPort, joinTokens }: ManagerFiles): ClusterFacts {
  return { clusterName, addressPools, subnetBits, dataPathPort, joinTokens };
}

export function requireManagerFiles(stateDir: string): ManagerFiles {
  const dir = join(stateDir, 'manager');
  const facts = readIfThere(join(dir, 'cluster.json'));
  if (facts === undefined) {
    throw new Refused('precondition', `${stateDir} holds no manager: make a cluster with "shoal init"`);
  }
  return {
    ...(JSON.parse(facts) as ClusterFacts),
    ca: readPair(dir, 'ca'),
    etcdCa: readPair(dir, 'etcd-ca'),
    etcd: readPair(dir, 'etcd'),
    secretKey: readFileSync(join(dir, 'secret.key')),
  };
}

function writePair(dir: string, name: string, pair: KeyPair): void {
  writePrivate(join(dir, `${name}.key`), pair.key);
  writePrivate(join(dir, `${name}.crt`), pair.certificate);
}

function readPair(dir: string, name: string): KeyPair {
  return { key: readFileSync(join(dir, `${name}.key`), 'utf8'), certificate: readFileSync(join(dir, `${name}.crt`), 'utf8') };
}

function privateDir(stateDir: string, name: string): string {
  const dir = join(stateDir, name);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return dir;
}

function writePrivate(path: string, content: string | Buffer): void {
  writeFileSync(`${path}.new`, content, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
