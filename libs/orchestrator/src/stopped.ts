import { hasEnded, isWanted, type ClusterView, type Service } from '../../model/src/index.js';
import { emptyDecision, type ServiceDecision } from './decision.js';

/** A service that a user has stopped has no tasks; those it had stay as history. */
export function planStopped(view: ClusterView, service: Service): ServiceDecision {
  const decision = emptyDecision();
  for (const task of view.tasksOfService(service.id)) {
    if (isWanted(task) && !hasEnded(task)) decision.shutdown.push({ task, why: 'the service is stopped' });
  }
  return decision;
}
