export { emptyDecision, toChanges, toSentences, type Because, type ServiceDecision } from './decision.js';
export { jobSize } from './jobs.js';
export { orchestrate, planService } from './orchestrate.js';
export { reap } from './reap.js';
