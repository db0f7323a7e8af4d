import { credentials, Client, type ClientDuplexStream } from '@grpc/grpc-js';
import { assertNever, describeError, Temporary, type Trace } from '../../../libs/base/src/index.js';
import type { NodeFiles } from '../../../libs/identity/src/node-files.js';
import type { ContainerOperationRequest, FromManager, LogRequest, StreamRequest } from '../../../libs/model/src/index.js';
import { channelOptions, decodeFromManager, dispatcherService, encodeFromAgent, managerServerName, type AgentMessage, type ContainerInput, type ContainerOutput, type LogAck, type LogMessage, type ManagerMessage } from '../../../libs/wire/src/index.js';
import type { Connect, ManagerLink, Worker } from '../../../libs/worker/src/index.js';
import { Channel } from './containers/channel.js';
import type { ContainerPorts } from './containers/operations.js';
import { serveContainer, type ContainerServingEvent } from './containers/serve.js';
import { sendLogs } from './send-logs.js';

export type LinkEvent = { event: 'logs-failed'; requestId: string; error: string } | ContainerServingEvent;

type Stream = ClientDuplexStream<AgentMessage, ManagerMessage>;

/** Connections to managers over gRPC, with the node's certificate. */
export function grpcLinks(files: NodeFiles, worker: Worker, containers: ContainerPorts, trace: Trace<LinkEvent>): Connect {
  return (manager, received) => new GrpcLink(connect(files, manager), manager, received, worker, containers, trace);
}

function connect({ caCertificate, identity }: NodeFiles, manager: string): Client {
  return new Client(manager, credentials.createSsl(Buffer.from(caCertificate), Buffer.from(identity.key), Buffer.from(identity.certificate)), {
    ...channelOptions,
    'grpc.ssl_target_name_override': managerServerName,
    'grpc.default_authority': managerServerName,
  });
}

/** The session's stream, and beside it those that the manager asks for. */
class GrpcLink implements ManagerLink {
  readonly ended: Promise<void>;
  readonly #stream: Stream;
  readonly #logs = new Map<string, AbortController>();
  readonly #channels = new Set<Channel>();

  constructor(
    private readonly client: Client,
    manager: string,
    received: (word: FromManager) => void,
    private readonly worker: Worker,
    private readonly containers: ContainerPorts,
    private readonly trace: Trace<LinkEvent>,
  ) {
    const { path, requestSerialize, responseDeserialize } = dispatcherService.session;
    const stream: Stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.#stream = stream;
    this.ended = new Promise<void>((resolve, reject) => {
      stream.on('data', (message: ManagerMessage) => {
        const word = decodeFromManager(message);
        if (word) received(word);
      });
      stream.on('error', (error) => reject(new Temporary(`session with ${manager}`, { cause: error })));
      stream.on('end', resolve);
    });
  }

  send(word: Parameters<ManagerLink['send']>[0]): void {
    this.#stream.write(encodeFromAgent(word));
  }

  serve(request: StreamRequest): void {
    switch (request.kind) {
      case 'log-request':
        return this.#startLogs(request.request);
      case 'log-cancel':
        return this.#logs.get(request.requestId)?.abort();
      case 'container-request':
        return this.#serveContainer(request.request);
      default:
        return assertNever(request);
    }
  }

  close(): void {
    for (const cancel of this.#logs.values()) cancel.abort();
    for (const channel of this.#channels) channel.cancel();
    this.#stream.cancel();
    this.client.close();
  }

  #serveContainer(request: ContainerOperationRequest): void {
    const { path, requestSerialize, responseDeserialize } = dispatcherService.container;
    const channel = new Channel(this.client.makeBidiStreamRequest<ContainerOutput, ContainerInput>(path, requestSerialize, responseDeserialize));
    this.#channels.add(channel);
    void serveContainer(channel, request, this.containers, this.trace).finally(() => this.#channels.delete(channel));
  }

  #startLogs(request: LogRequest): void {
    const { requestId } = request;
    const cancel = new AbortController();
    this.#logs.set(requestId, cancel);
    const failed = (error: unknown) => {
      if (!cancel.signal.aborted) this.trace({ event: 'logs-failed', requestId, error: describeError(error) });
      cancel.abort();
    };
    const { path, requestSerialize, responseDeserialize } = dispatcherService.logs;
    const call = this.client.makeClientStreamRequest<LogMessage, LogAck>(path, requestSerialize, responseDeserialize, (error) => {
      if (error) failed(error);
      cancel.abort();
      this.#logs.delete(requestId);
    });
    void sendLogs(call, request, this.worker, cancel.signal)
      .catch(failed)
      .finally(() => call.end());
  }
}
