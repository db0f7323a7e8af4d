import type { ClusterNode, Info, TlsInfo } from '../api-client/types.js';
import type { Listing, Row } from '../output/listing.js';
import { naturalOrder } from '../output/natural-order.js';
import { capitalized } from './short.js';

/** `node ls`. `info` says which node answers and what the cluster's certificate authority is. */
export function nodeListing(nodes: ClusterNode[], info: Info | undefined): Listing {
  const sorted = [...nodes].sort((a, b) => naturalOrder(a.Description.Hostname ?? '', b.Description.Hostname ?? ''));
  return {
    headers: {
      ID: 'ID',
      Self: '',
      Hostname: 'HOSTNAME',
      Status: 'STATUS',
      Availability: 'AVAILABILITY',
      ManagerStatus: 'MANAGER STATUS',
      TLSStatus: 'TLS STATUS',
      EngineVersion: 'ENGINE VERSION',
    },
    table:
      '{{.ID}} {{if .Self}}*{{else}} {{end}}\t{{.Hostname}}\t{{.Status}}\t{{.Availability}}\t{{.ManagerStatus}}\t{{.EngineVersion}}',
    rows: sorted.map((node) => nodeRow(node, info)),
  };
}

function nodeRow(node: ClusterNode, info: Info | undefined): Row {
  const cells = {
    ID: node.ID,
    Self: node.ID === info?.Swarm?.NodeID,
    Hostname: node.Description.Hostname ?? '',
    Status: capitalized(node.Status?.State ?? ''),
    Availability: capitalized(node.Spec.Availability ?? ''),
    ManagerStatus: managerStatus(node),
    TLSStatus: tlsStatus(node.Description.TLSInfo, info?.Swarm?.Cluster?.TLSInfo),
    EngineVersion: node.Description.Engine?.EngineVersion ?? '',
  };
  const full = { ...cells, Role: node.Spec.Role ?? '', Addr: node.Status?.Addr ?? '', Labels: node.Spec.Labels ?? {} };
  return { id: node.ID, cells, full };
}

function managerStatus({ ManagerStatus }: ClusterNode): string {
  if (!ManagerStatus) return '';
  return ManagerStatus.Leader ? 'Leader' : capitalized(ManagerStatus.Reachability ?? '');
}

function tlsStatus(node: TlsInfo | undefined, cluster: TlsInfo | undefined): string {
  if (!node?.TrustRoot || !cluster?.TrustRoot) return 'Unknown';
  const same =
    node.TrustRoot === cluster.TrustRoot &&
    node.CertIssuerSubject === cluster.CertIssuerSubject &&
    node.CertIssuerPublicKey === cluster.CertIssuerPublicKey;
  return same ? 'Ready' : 'Needs Rotation';
}
