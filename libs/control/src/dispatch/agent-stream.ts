import type { FromAgent, FromManager } from '../../../model/src/index.js';

/** One agent's connection as the manager uses it: an edge, or a simulation, stands behind it. */
export interface AgentStream {
  /** False: it is full; `AgentEvents.drained` follows. What is sent after its end is lost. */
  send(word: FromManager): boolean;
  /** Nothing more is to come. */
  end(): void;
  /** The agent is to hear why it is refused; nothing more is to come. */
  fail(error: unknown): void;
}

/** What the edge tells about the connection. */
export interface AgentEvents {
  received(word: FromAgent): void;
  drained(): void;
  /** It has ended, whoever ended it. May be told twice. */
  closed(): void;
}
