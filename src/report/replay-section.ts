/** The player of a replay: its canvas, controls and error over time, and the data and script that it needs. */
import { html, type Markup, scriptJson, trusted } from './html.ts';
import { number } from './numbers.ts';
import { type PlayerData, playerData } from './replay-data.ts';
import { replayScript } from './replay-script.ts';
import type { Replay } from './report-input.ts';

/** What goes after everything that is shown. @throws REPORT_INPUT_INVALID when the replay's arrays do not fit each other. */
export function replayPlayer(replay: Replay): Markup {
  return html`<script type="application/json" id="replay-data">${scriptJson(playerData(replay))}</script><script>${trusted(replayScript)}</script>`;
}

export function replaySection(replay: Replay): Markup {
  const data = playerData(replay);
  const [left, right, bottom, top] = data.bounds;
  const ratio = Math.max(1.1, Math.min(3.2, (right - left) / (top - bottom)));
  const last = data.count - 1;
  return html`<section aria-labelledby="replay-title"><h2 id="replay-title">Watch truth and dream</h2>
<p class="legend"><span class="key"><span class="swatch"></span>truth: the physics engine</span><span class="key"><span class="swatch dream"></span>dream: the learned model, same actions</span></p>
<div class="panel replay" id="replay" role="group" tabindex="0" aria-label="Replay. Space plays and pauses, arrow keys step.">
<canvas data-part="canvas" role="img" aria-label="Truth drawn solid and the dream as a translucent ghost, side view" style="aspect-ratio:${ratio.toFixed(3)};max-height:62vh"></canvas>
${timeline(data)}
<input type="range" data-part="slider" min="0" max="${last}" step="any" value="0" aria-label="Time">
<div class="controls"><button type="button" data-part="play">▶ Play</button>
<label>Speed <select data-part="speed"><option value="0.25">¼</option><option value="0.5">½</option><option value="1" selected>1</option><option value="2">2</option></select></label>
<dl class="readout">${readout('time', 'time')}${readout('step', 'step')}${readout('error', 'error')}${data.rewards ? readout('reward', 'reward') : null}${readout('dreaming for', 'since')}</dl></div>
<p class="note"><kbd>space</kbd> play or pause · <kbd>←</kbd> <kbd>→</kbd> one step, with <kbd>shift</kbd> ten</p>
<noscript><p>The replay needs JavaScript; everything else on this page does not.</p></noscript>
</div></section>`;
}

function readout(name: string, part: string): Markup {
  return html`<div><dt>${name}</dt><dd data-part="${part}">–</dd></div>`;
}

/** Error over the replay, with the moments at which the dream was set back onto truth. */
function timeline({ errors, resyncs, count, errorUnit }: PlayerData): Markup {
  const last = Math.max(1, count - 1);
  const most = errors.reduce((high, error) => Math.max(high, error), 0) || 1;
  const line = errors
    .map((error, i) => `${((1000 * i) / last).toFixed(1)},${(100 - (92 * Math.min(error, most)) / most).toFixed(1)}`)
    .join(' ');
  const marks = resyncs.map(
    (at) => html`<line class="resync" x1="${((1000 * at) / last).toFixed(1)}" x2="${((1000 * at) / last).toFixed(1)}" y1="0" y2="100"/>`,
  );
  return html`<div class="timeline"><svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label="Error of the dream over the replay, at most ${number(most)} ${errorUnit}; dashed lines where it was set back onto truth"><polygon class="off" points="0,100 ${line} 1000,100"/>${marks}</svg><span>error, up to ${number(most)} ${errorUnit}${resyncs.length > 0 ? '; dashed: set back onto truth' : ''}</span><i data-part="playhead"></i></div>`;
}
