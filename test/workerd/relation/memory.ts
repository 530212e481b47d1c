import type {
  Cell,
  RelationColumn,
  RelationProvider,
  Scan,
  ScanReport,
} from '../../../src/relation/provider.ts';

/** Rows kept in memory, and the scans that asked for them. */
export class MemoryProvider implements RelationProvider {
  readonly scans: Scan[] = [];

  constructor(
    readonly all: readonly RelationColumn[],
    readonly rows: readonly (readonly Cell[])[],
    readonly name = 'memory',
    readonly batch = 1000,
  ) {}

  async columns(): Promise<readonly RelationColumn[]> {
    return this.all;
  }

  async *scan(scan: Scan): AsyncGenerator<readonly (readonly Cell[])[]> {
    this.scans.push(scan);
    for (let at = 0; at < this.rows.length; at += this.batch) {
      await null;
      yield this.rows.slice(at, at + this.batch).map((row) => scan.columns.map((c) => row[c] as Cell));
    }
  }

  async inspect(): Promise<ScanReport> {
    const filesRead = this.rows.length > 0 ? 1 : 0;
    return {
      relation: this.name,
      filesRead,
      filesSkipped: 1 - filesRead,
      rowGroupsRead: 0,
      rowGroupsSkipped: 0,
      bytesRead: 0,
    };
  }
}
