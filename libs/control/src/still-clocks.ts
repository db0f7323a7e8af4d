import { cronOptionsOf, updateOptionLabel, type IndexedView } from '../../model/src/index.js';

/**
 * Whoever looks ahead lets time jump to whatever is waited for next. Times of schedules are none of what is asked for, and would never end;
 * and an update that waits for room shall be seen to wait, not to fail for it.
 */
export function letClocksStand(future: IndexedView): void {
  for (const service of [...future.all('service')]) {
    const { spec, status } = service;
    const cron = cronOptionsOf(spec);
    const labels = { ...spec.labels, [updateOptionLabel('progress-deadline')]: 'none' };
    const { nextAt: _nextAt, ...standing } = status.cron ?? { underWay: [], message: '' };
    future.apply('service', service.id, { ...service, spec: { ...spec, labels }, status: { ...status, ...(cron && { cron: { ...standing, schedule: cron.text } }) } });
  }
}
