import type { EpisodeSet, EpisodeSpec } from '../episode.ts';

export const formatNames = ['parquet', 'minari', 'lerobot', 'mcap', 'rosbag'] as const;
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
  /** Limit of what the episodes take in memory. */
  readonly maxBytes?: number;
}

/** A layout of files that episodes are exchanged in. */
export interface EpisodeFormat {
  /** Whether a data set is one file or a folder. */
  readonly place: 'file' | 'folder';
  /** @throws DATA_INVALID for episodes that the format cannot hold; says why. */
  write(path: string, set: EpisodeSet, options?: FormatOptions): Promise<void>;
  /** Reads what may come from anywhere. @throws DATA_INVALID, DATA_TOO_LARGE. */
  read(path: string, options?: ImportOptions): Promise<EpisodeSet>;
}
