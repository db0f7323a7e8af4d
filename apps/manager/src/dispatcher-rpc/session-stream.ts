import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { AgentStream, NodeSessions } from '../../../../libs/control/src/index.js';
import { decodeFromAgent, encodeFromManager, type AgentMessage, type ManagerMessage } from '../../../../libs/wire/src/index.js';
import { toRpcError } from './caller.js';

export type SessionStream = ServerDuplexStream<AgentMessage, ManagerMessage>;

/** Lets the sessions of this leader serve a gRPC stream of one agent. */
export function serveStream(stream: SessionStream, nodeId: string, sessions: NodeSessions): void {
  const connection: AgentStream = {
    send: (word) => !stream.writable || stream.write(encodeFromManager(word)),
    end: () => stream.end(),
    fail: (error) => stream.emit('error', toRpcError(error)),
  };
  const agent = sessions.serve(connection, nodeId);
  stream.on('data', (message: AgentMessage) => {
    const word = decodeFromAgent(message);
    if (word) agent.received(word);
  });
  stream.on('drain', () => agent.drained());
  const closed = () => {
    agent.closed();
    stream.end();
  };
  stream.on('end', closed);
  stream.on('cancelled', closed);
  stream.on('error', closed);
}
