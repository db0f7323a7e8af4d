import { dependencyConditions, type Dependency, type DependencyCondition, type ServiceSpec } from '../../../../../libs/model/src/index.js';
import { ApiError } from '../../http/api-error.js';
import type { JsonInput } from '../json-input.js';
import { omitAbsent, type Json } from '../json-output.js';

/* Docker's ServiceSpec has no word for `depends_on`: it stands in `Shoal`, as `TaskTemplate.Shoal` for tasks. */

export function dependenciesTo({ dependsOn }: ServiceSpec): Json | undefined {
  return dependsOn && { dependsOn };
}

export function dependenciesFrom(input: JsonInput): Dependency[] | undefined {
  return input.object('Shoal')?.objects('dependsOn').map((dependency) =>
    omitAbsent({
      service: dependency.string('service') ?? '',
      condition: conditionOf(dependency.string('condition')),
      optional: dependency.boolean('optional') || undefined,
      restart: dependency.boolean('restart') || undefined,
    }),
  );
}

function conditionOf(text: string | undefined): DependencyCondition {
  const condition = dependencyConditions.find((candidate) => candidate === (text ?? 'service_started'));
  if (condition === undefined) throw new ApiError(400, `condition ${text} is not one of ${dependencyConditions.join(', ')}`);
  return condition;
}

/** What a service keeps when it is posted by a client that knows nothing of it. */
export function withDependenciesOf(body: unknown, before: ServiceSpec): unknown {
  const posted = body as { Shoal?: unknown } | undefined;
  if (!before.dependsOn || typeof posted !== 'object' || posted === null || posted.Shoal !== undefined) return body;
  return { ...posted, Shoal: dependenciesTo(before) };
}
