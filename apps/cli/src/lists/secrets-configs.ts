import type { SecretOrConfig } from '../api-client/types.js';
import { ago } from '../output/duration.js';
import type { Listing, Row } from '../output/listing.js';
import { naturalOrder } from '../output/natural-order.js';
import { labelText } from './short.js';

const headers = { ID: 'ID', Name: 'NAME', CreatedAt: 'CREATED', UpdatedAt: 'UPDATED', Labels: 'LABELS', Label: '' };

export function configListing(configs: SecretOrConfig[], nowMs: number): Listing {
  return { headers, table: '{{.ID}}\t{{.Name}}\t{{.CreatedAt}}\t{{.UpdatedAt}}', rows: rowsOf(configs, nowMs) };
}

export function secretListing(secrets: SecretOrConfig[], nowMs: number): Listing {
  return {
    headers: { ...headers, Driver: 'DRIVER' },
    table: '{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.CreatedAt}}\t{{.UpdatedAt}}',
    rows: rowsOf(secrets, nowMs).map((row, i) => withDriver(row, sortByName(secrets)[i]!)),
  };
}

function rowsOf(objects: SecretOrConfig[], nowMs: number): Row[] {
  return sortByName(objects).map((object) => row(object, nowMs));
}

function sortByName(objects: SecretOrConfig[]): SecretOrConfig[] {
  return [...objects].sort((a, b) => naturalOrder(a.Spec.Name, b.Spec.Name));
}

function row({ ID, Spec, CreatedAt, UpdatedAt }: SecretOrConfig, nowMs: number): Row {
  return {
    id: ID,
    cells: {
      ID,
      Name: Spec.Name,
      CreatedAt: ago(CreatedAt, nowMs),
      UpdatedAt: ago(UpdatedAt, nowMs),
      Labels: labelText(Spec.Labels),
      Label: (name: unknown) => Spec.Labels?.[String(name)] ?? '',
    },
    full: { ID, Name: Spec.Name, CreatedAt, UpdatedAt, Labels: Spec.Labels ?? {} },
  };
}

function withDriver(row: Row, { Spec }: SecretOrConfig): Row {
  const Driver = Spec.Driver?.Name ?? '';
  return { ...row, cells: { ...row.cells, Driver }, full: { ...row.full, Driver } };
}
