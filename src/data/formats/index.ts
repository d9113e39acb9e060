import { csv } from './csv.ts';
import type { EpisodeFormat, FormatName } from './format.ts';
import { lerobot } from './lerobot.ts';
import { mcap } from './mcap.ts';
import { minari } from './minari.ts';
import { parquetEpisodes } from './parquet-episodes.ts';
import { rosbag } from './rosbag.ts';

/** Every layout that episodes are read from and written to; docs/data.md says what each keeps. Libraries are loaded when a format is first used. */
export const formats: Readonly<Record<FormatName, EpisodeFormat>> = { parquet: parquetEpisodes, csv, minari, lerobot, mcap, rosbag };

export { type ColumnMap, type EpisodeFormat, type FormatName, formatNames, type ImportOptions } from './format.ts';
