import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { connect } from 'node:tls';
import { Client, credentials } from '@grpc/grpc-js';
import { Refused, Temporary } from '../../../../libs/base/src/index.js';
import { certificateDigest, createRequest, parseJoinToken, readNodeFiles, writeNodeFiles } from '../../../../libs/identity/src/index.js';
import { channelOptions, managerServerName, nodeCaService, type IssueReply } from '../../../../libs/wire/src/index.js';
import { requireAddress, requireOwnAddress } from './host-address.js';

export interface JoinOptions {
  stateDir: string;
  token: string;
  /** `host:port` of a manager. */
  manager: string;
  advertiseAddress: string | undefined;
  dataPathAddress: string | undefined;
  hostname: string | undefined;
}

const deadlineMs = 10_000;

/** Makes this host a node of an existing cluster: gets it a certificate in exchange for the join token. Starts nothing. */
export async function joinCluster(options: JoinOptions): Promise<{ nodeId: string; role: string }> {
  const existing = readNodeFiles(options.stateDir);
  if (existing) {
    throw new Refused('precondition', `${options.stateDir} is node ${existing.nodeId} of a cluster already: to join another one, stop its services and remove that folder`);
  }
  const { caDigest } = parseJoinToken(options.token);
  if (options.advertiseAddress !== undefined) requireAddress('--advertise-addr', options.advertiseAddress);
  if (options.dataPathAddress !== undefined) requireOwnAddress('--data-path-addr', options.dataPathAddress);
  else if (options.advertiseAddress !== undefined) requireOwnAddress('--advertise-addr', options.advertiseAddress);
  const manager = options.manager.includes(':') ? options.manager : `${options.manager}:2377`;
  const caCertificate = await fetchCa(manager, caDigest);
  const { key, request } = await createRequest();
  const reply = await issue(manager, caCertificate, {
    token: options.token.trim(),
    csr: request,
    hostname: options.hostname ?? hostname(),
    advertiseAddress: options.advertiseAddress ?? '',
    dataPathAddress: options.dataPathAddress ?? '',
  });
  const address = reply.address ?? '';
  writeNodeFiles(options.stateDir, {
    nodeId: reply.nodeId ?? '',
    clusterId: reply.clusterId ?? '',
    role: reply.role === 'manager' ? 'manager' : 'worker',
    address,
    dataPathAddress: options.dataPathAddress ?? address,
    managers: [manager],
    caCertificate,
    identity: { key, certificate: reply.certificate ?? '' },
  });
  return { nodeId: reply.nodeId ?? '', role: reply.role ?? '' };
}

/** The CA certificate that the manager shows in its TLS handshake, if it is the one that the token promises. */
async function fetchCa(manager: string, caDigest: string): Promise<string> {
  const [host, port] = splitAddress(manager);
  const chain = await new Promise<{ raw: Buffer; issuerCertificate?: { raw: Buffer } }>((resolve, reject) => {
    // Nothing is trusted yet: the digest below decides.
    const socket = connect({ host, port, servername: managerServerName, rejectUnauthorized: false, ALPNProtocols: ['h2'] }, () => {
      resolve(socket.getPeerCertificate(true));
      socket.destroy();
    });
    socket.setTimeout(deadlineMs, () => socket.destroy(new Error(`no answer within ${deadlineMs / 1000} s`)));
    socket.on('error', (error) => reject(new Temporary(`cannot reach a manager at ${manager}: ${error.message}: is its address right, and is it running?`)));
  });
  for (let current: typeof chain | undefined = chain, depth = 0; current?.raw && depth < 4; current = current.issuerCertificate as typeof chain, depth++) {
    if (certificateDigest(current.raw) === caDigest) return pem(current.raw);
  }
  throw new Refused('forbidden', `the manager at ${manager} does not belong to the cluster of this token: its CA has another fingerprint than ${caDigest.slice(0, 12)}…`);
}

function issue(manager: string, caCertificate: string, request: Parameters<typeof nodeCaService.issueCertificate.requestSerialize>[0]): Promise<IssueReply> {
  const client = new Client(manager, credentials.createSsl(Buffer.from(caCertificate)), {
    ...channelOptions,
    'grpc.ssl_target_name_override': managerServerName,
    'grpc.default_authority': managerServerName,
  });
  const { path, requestSerialize, responseDeserialize } = nodeCaService.issueCertificate;
  return new Promise<IssueReply>((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, { deadline: Date.now() + deadlineMs }, (error, reply) => {
      if (error) reject(new Refused('precondition', `the manager at ${manager} refused: ${error.details || error.message}`));
      else resolve(reply!);
    });
  }).finally(() => client.close());
}

function splitAddress(address: string): [string, number] {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[|\]$/g, '');
  const port = Number(address.slice(at + 1));
  if (!host || !Number.isInteger(port) || (isIP(host) === 0 && !/^[a-z0-9.-]+$/i.test(host))) {
    throw new Refused('invalid', `${address}: expected the address of a manager as HOST:PORT`);
  }
  return [host, port];
}

function pem(der: Buffer): string {
  return `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/(.{64})/g, '$1\n').trimEnd()}\n-----END CERTIFICATE-----\n`;
}
