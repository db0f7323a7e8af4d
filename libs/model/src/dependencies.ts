/** A service that must have come so far before another one starts, or goes to another version. */
export interface Dependency {
  /** Name of the service in the cluster. */
  service: string;
  condition: DependencyCondition;
  /** What is not there, or fails, is not waited for. */
  optional?: boolean;
  /** A deploy that replaces its tasks replaces those of the one that depends on it. */
  restart?: boolean;
}

/**
 * Of every task that the service should have, at its present version:
 *
 * - `service_started`: its process was started;
 * - `service_healthy`: it runs, and its health check, if it has one, has passed;
 * - `service_completed_successfully`: it has ended with exit status 0.
 */
export const dependencyConditions = ['service_started', 'service_healthy', 'service_completed_successfully'] as const;
export type DependencyCondition = (typeof dependencyConditions)[number];

/** The first way round from a service back to itself, both ends included; undefined: there is none. */
export function dependencyCycle(dependencies: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): string[] | undefined => {
    const begin = path.indexOf(name);
    if (begin >= 0) return [...path.slice(begin), name];
    if (done.has(name)) return undefined;
    for (const next of dependencies.get(name) ?? []) {
      const cycle = visit(next, [...path, name]);
      if (cycle) return cycle;
    }
    done.add(name);
    return undefined;
  };
  for (const name of dependencies.keys()) {
    const cycle = visit(name, []);
    if (cycle) return cycle;
  }
  return undefined;
}
