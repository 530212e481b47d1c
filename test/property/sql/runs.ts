/** Runs of a property: the default suits every test run, DOSQL_RUNS multiplies it for a long search. */
export function runs(base: number): { numRuns: number } {
  return { numRuns: Math.ceil(base * Number(process.env['DOSQL_RUNS'] ?? 1)) };
}
