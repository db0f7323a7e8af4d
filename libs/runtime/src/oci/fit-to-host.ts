import { allCapabilityNames, capabilityMask } from '../capabilities.js';
import type { HostFacts } from '../host-facts.js';
import type { OciProcess } from './spec.js';

type Host = Pick<HostFacts, 'heldCapabilities' | 'apparmor' | 'selinux'>;

/** What this machine cannot give is left out and told, as the OCI spec wants it for capabilities, and crun does with labels. */
export function fitToHost(process: OciProcess, host: Host, warn: (message: string) => unknown): OciProcess {
  const fitted = { ...process };
  const missing = missingCapabilities(process, host);
  if (missing.length > 0) warn(`process.capabilities: ${missing.join(', ')} cannot be granted here and are left out`);
  if (process.apparmorProfile && !host.apparmor) {
    warn(`process.apparmorProfile "${process.apparmorProfile}" has no effect: AppArmor is not enabled`);
    delete fitted.apparmorProfile;
  }
  if (process.selinuxLabel && !host.selinux) {
    warn(`process.selinuxLabel "${process.selinuxLabel}" has no effect: SELinux is not enabled`);
    delete fitted.selinuxLabel;
  }
  return fitted;
}

export function fitMountLabel(label: string | undefined, host: Host, warn: (message: string) => void): string | undefined {
  if (!label || host.selinux) return label;
  warn(`linux.mountLabel "${label}" has no effect: SELinux is not enabled`);
  return undefined;
}

function missingCapabilities({ capabilities = {} }: OciProcess, { heldCapabilities }: Host): string[] {
  const known = new Set(allCapabilityNames());
  const all = [...new Set(Object.values(capabilities).flatMap((names) => names ?? []))];
  return all.filter((name) => !known.has(name) || (capabilityMask([name]) & heldCapabilities) === 0n);
}
