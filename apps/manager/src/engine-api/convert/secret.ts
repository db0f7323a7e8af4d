import type { Config, Secret, SecretSpec } from '../../../../../libs/model/src/index.js';
import { JsonInput } from '../json-input.js';
import { meta, nonEmptyMap, omitEmpty, type Json } from '../json-output.js';
import { ApiError } from '../../http/api-error.js';

export function secretTo(secret: Secret): Json {
  return { ID: secret.id, ...meta(secret), Spec: specTo(secret.spec) };
}

export function configTo(config: Config): Json {
  return { ID: config.id, ...meta(config), Spec: { ...specTo(config.spec), Data: config.data } };
}

/** `data` is base64 as given; empty when a driver is to provide it. */
export function secretSpecFrom(body: unknown): { spec: SecretSpec; data: string; sizeBytes: number } {
  const input = JsonInput.from(body, '');
  const data = input.string('Data') ?? '';
  const bytes = Buffer.from(data, 'base64');
  if (bytes.toString('base64').replace(/=+$/, '') !== data.replace(/=+$/, '')) throw new ApiError(400, 'invalid JSON: Data must be base64');
  const driver = input.object('Driver');
  const templating = input.object('Templating');
  const spec: SecretSpec = {
    name: input.string('Name') ?? '',
    labels: input.labels('Labels') ?? {},
    ...(driver?.string('Name') ? { driver: { name: driver.string('Name')!, options: driver.labels('Options') ?? {} } } : {}),
    ...(templating?.string('Name') ? { templating: { name: templating.string('Name')!, options: templating.labels('Options') ?? {} } } : {}),
  };
  return { spec, data, sizeBytes: bytes.length };
}

function specTo(spec: SecretSpec): Json {
  return {
    Name: spec.name,
    Labels: spec.labels,
    ...omitEmpty({
      Driver: spec.driver && omitEmpty({ Name: spec.driver.name, Options: nonEmptyMap(spec.driver.options) }),
      Templating: spec.templating && omitEmpty({ Name: spec.templating.name, Options: nonEmptyMap(spec.templating.options) }),
    }),
  };
}
