import { describe, test } from 'vitest';
import { StrictProvider } from './host.ts';
import { PROVIDER_CONTRACT } from './provider-contract.ts';

const rows = [
  [1, 'a', 1.5, null],
  [2, 'A', -0.5, 9007199254740993n],
  [3, '', null, 5],
  [4, 'é', 1e300, 'mixed'],
  [5, '😀', 0.1, new Uint8Array([1, 2])],
];
const columns = [
  { name: 'i', affinity: 'INTEGER' as const },
  { name: 't', affinity: 'TEXT' as const },
  { name: 'r', affinity: 'REAL' as const },
  { name: 'x', affinity: '' as const },
];

describe('the provider that the property tests use', () => {
  for (const [name, check] of Object.entries(PROVIDER_CONTRACT))
    test(name, () => check({ open: () => new StrictProvider(columns, rows, true, 2), rows }));
});
