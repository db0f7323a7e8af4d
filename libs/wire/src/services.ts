import type { ServiceDefinition } from '@grpc/grpc-js';
import { shoal } from './generated/messages.js';

/** grpc-js definitions of proto/dispatcher.proto: protobufjs makes the messages, these name the calls. */

const v1 = shoal.v1;

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

function serialize<T>(codec: Codec<T>) {
  return (message: T) => Buffer.from(codec.encode(message).finish());
}

function deserialize<T>(codec: Codec<T>) {
  return (bytes: Buffer) => codec.decode(bytes);
}

function method<Request, Response>(
  path: string,
  request: Codec<Request>,
  response: Codec<Response>,
  streams: { request?: boolean; response?: boolean } = {},
) {
  return {
    path,
    requestStream: streams.request ?? false,
    responseStream: streams.response ?? false,
    requestSerialize: serialize(request),
    requestDeserialize: deserialize(request),
    responseSerialize: serialize(response),
    responseDeserialize: deserialize(response),
  };
}

export type AgentMessage = shoal.v1.AgentMessage.$Properties;
export type ManagerMessage = shoal.v1.ManagerMessage.$Properties;
export type LogMessage = shoal.v1.LogMessage.$Properties;
export type LogAck = shoal.v1.LogAck.$Properties;
export type ContainerOutput = shoal.v1.ContainerOutput.$Properties;
export type ContainerInput = shoal.v1.ContainerInput.$Properties;
export type IssueRequest = shoal.v1.IssueRequest.$Properties;
export type IssueReply = shoal.v1.IssueReply.$Properties;

export const nodeCaService = {
  issueCertificate: method<IssueRequest, IssueReply>('/shoal.v1.NodeCa/IssueCertificate', v1.IssueRequest, v1.IssueReply),
} satisfies ServiceDefinition;

export const dispatcherService = {
  session: method<AgentMessage, ManagerMessage>('/shoal.v1.Dispatcher/Session', v1.AgentMessage, v1.ManagerMessage, {
    request: true,
    response: true,
  }),
  logs: method<LogMessage, LogAck>('/shoal.v1.Dispatcher/Logs', v1.LogMessage, v1.LogAck, { request: true }),
  container: method<ContainerOutput, ContainerInput>('/shoal.v1.Dispatcher/Container', v1.ContainerOutput, v1.ContainerInput, {
    request: true,
    response: true,
  }),
} satisfies ServiceDefinition;

/** Options of every channel: messages of any size that a full assignment set can have, and a dead peer is noticed. */
export const channelOptions = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  // What a stream may have under way: with HTTP/2's 64 KiB an archive waits for its reader all the time.
  'grpc-node.flow_control_window': 1024 * 1024,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
} as const;

/** DNS name in every manager's certificate: what agents verify, whichever address they dial. */
export const managerServerName = 'shoal-manager';
