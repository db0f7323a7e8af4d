import { stackImageLabel, type ServiceSpec, type TaskTemplate } from '../../../model/src/index.js';
import type { Service } from '../compose-config.js';
import { convertAttachments } from './attachments.js';
import { convertContainer } from './container.js';
import { convertDependencies } from './dependencies.js';
import { convertMode, convertPlacement, convertResources, convertRestart, convertUpdate } from './deploy.js';
import { rejectName } from './names.js';
import { placementLabels } from './placement-labels.js';
import { convertEndpoint, trafficLabels } from './ports.js';
import { updateLabels } from './update-labels.js';
import type { Scope } from './scope.js';
import { rejectTemplates } from './templates.js';
import { compact, scoped, servicePath, toRecord, withNamespace } from './scope.js';

export function convertService(scope: Scope, name: string, service: Service): ServiceSpec {
  const deploy = service.deploy ?? {};
  rejectName(scope, servicePath(name), scoped(scope, name));
  const container = convertContainer(scope, name, service);
  rejectTemplates(scope, name, service);
  return compact<ServiceSpec>({
    name: scoped(scope, name),
    labels: { ...trafficLabels(scope, name, service), ...placementLabels(scope, name, service), ...updateLabels(scope, name, service), ...withNamespace(scope, deploy.labels), [stackImageLabel]: service.image ?? '' },
    template: compact<TaskTemplate>({
      container,
      resources: convertResources(scope, name, service),
      restart: convertRestart(scope, name, service),
      placement: convertPlacement(scope, name, deploy),
      networks: convertAttachments(scope, name, service, container.networkMode),
      logDriver: service.logging && {
        ...(service.logging.driver === undefined ? {} : { name: service.logging.driver }),
        options: toRecord(service.logging.options),
      },
      forceUpdate: 0,
      runtime: undefined,
    }),
    mode: convertMode(scope, name, deploy),
    update: convertUpdate(scope, name, 'update_config', deploy.update_config),
    rollback: convertUpdate(scope, name, 'rollback_config', deploy.rollback_config),
    endpoint: convertEndpoint(scope, name, service, container.networkMode),
    dependsOn: convertDependencies(scope, name, service),
  });
}
