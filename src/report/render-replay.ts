import { html } from './html.ts';
import { page } from './page.ts';
import { replayPlayer, replaySection } from './replay-section.ts';
import type { Replay } from './report-input.ts';

/** What a page of one replay shows. */
export interface ReplayInput {
  readonly title: string;
  /** Above the title. */
  readonly kicker: string;
  /** In words: what is played, from where. */
  readonly summary: string;
  readonly replay: Replay;
}

/**
 * One episode of truth and dream to look at, as an HTML page that needs nothing else. Every text is escaped.
 * @returns a whole document, the same for the same input.
 * @throws REPORT_INPUT_INVALID when the replay's arrays do not fit each other.
 */
export function renderReplay({ title, kicker, summary, replay }: ReplayInput): string {
  const sections = [html`<p class="lead">${summary}</p>`, replaySection(replay)];
  return page({ title, kicker, sections, after: replayPlayer(replay) });
}
