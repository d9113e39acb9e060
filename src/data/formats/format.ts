import type { EpisodeSet, EpisodeSpec } from '../episode.ts';

export const formatNames = ['parquet', 'csv', 'minari', 'lerobot', 'mcap', 'rosbag'] as const;
export type FormatName = (typeof formatNames)[number];

export interface FormatOptions {
  /** How far it is: episodes or rows written or read, of how many. */
  readonly onProgress?: (done: number, of: number) => void;
}

export interface ImportOptions extends FormatOptions {
  /** What to expect where a file does not say: shapes, names. Usually that of the env which the data are for. */
  readonly expected?: EpisodeSpec;
  /** Topics of a log whose messages are the observations and the actions. Default `/observation`, `/action`. */
  readonly observationTopic?: string;
  readonly actionTopic?: string;
  /** Where the columns of a table (csv, parquet of others) are not named as ours are: ours, as in `state.angle_rad`, to theirs. */
  readonly columns?: ColumnMap;
  /** Limit of what the episodes take in memory. */
  readonly maxBytes?: number;
}

/** A column of somebody else's table, in a unit that is so many of ours. */
export interface MappedColumn {
  readonly column: string;
  /** What its numbers are multiplied by to be in our unit. */
  readonly factor: number;
}

export type ColumnMap = ReadonlyMap<string, MappedColumn>;

/** A layout of files that episodes are exchanged in. */
export interface EpisodeFormat {
  /** Whether a data set is one file or a folder. */
  readonly place: 'file' | 'folder';
  /** @throws DATA_INVALID for episodes that the format cannot hold; says why. */
  write(path: string, set: EpisodeSet, options?: FormatOptions): Promise<void>;
  /** Reads what may come from anywhere. @throws DATA_INVALID, DATA_TOO_LARGE. */
  read(path: string, options?: ImportOptions): Promise<EpisodeSet>;
}
