/** How commands speak: data to stdout, everything else to stderr; a bar on a terminal, JSON lines otherwise. */
import { SingleBar } from 'cli-progress';
import type { Progress } from './main-job.ts';

/** Without a terminal, progress is one JSON line at most this often. */
const lineEvery_ms = 3000;

export interface Terminal {
  /** The command's result: as JSON with `--json`, else as the text given. */
  result(value: unknown, text: string): void;
  note(text: string): void;
  progress(progress: Progress): void;
  /** Ends the bar, if one is shown. */
  settle(): void;
}

export function terminal(json: boolean): Terminal {
  const shown = process.stderr.isTTY && !json ? bars() : lines();
  return {
    result: (value, text) => void process.stdout.write(json ? `${JSON.stringify(value)}\n` : `${text}\n`),
    note: (text) => {
      shown.settle();
      if (!json) process.stderr.write(`${text}\n`);
    },
    progress: shown.progress,
    settle: shown.settle,
  };
}

type Shown = Pick<Terminal, 'progress' | 'settle'>;

function bars(): Shown {
  let bar: SingleBar | undefined;
  let stage = '';
  const settle = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    progress(progress) {
      if (progress.stage !== stage || !bar) {
        settle();
        stage = progress.stage;
        bar = new SingleBar({
          format: '{stage} {bar} {value}/{total} {note}',
          stream: process.stderr,
          barsize: 24,
          hideCursor: null,
          noTTYOutput: false,
        });
        bar.start(progress.of, progress.done, { stage, note: progress.note ?? '' });
      }
      bar.update(progress.done, { note: progress.note ?? '' });
    },
    settle,
  };
}

function lines(): Shown {
  let last_ms = Number.NEGATIVE_INFINITY;
  let stage = '';
  return {
    progress(progress) {
      const now_ms = performance.now();
      const isNews = progress.stage !== stage || progress.done >= progress.of;
      if (!isNews && now_ms - last_ms < lineEvery_ms) return;
      last_ms = now_ms;
      stage = progress.stage;
      process.stderr.write(`${JSON.stringify(progress)}\n`);
    },
    settle() {},
  };
}

/** Columns aligned with spaces; the first row is the head. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => [...(row[column] ?? '')].length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell + ' '.repeat(widths[column]! - [...cell].length))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
