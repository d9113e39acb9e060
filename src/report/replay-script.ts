/**
 * The page's only script: plays the replay. Plain browser JavaScript kept as text, because it runs in the reader's browser and not here.
 * Poses between frames are interpolated, except across a resync of the dream.
 */
export const replayScript = `'use strict';
(() => {
  const root = document.getElementById('replay');
  const data = JSON.parse(document.getElementById('replay-data').textContent);
  const part = (name) => root.querySelector('[data-part="' + name + '"]');
  const canvas = part('canvas'), slider = part('slider'), button = part('play'), speed = part('speed'), playhead = part('playhead');
  const context = canvas.getContext('2d');
  const [left, right, bottom, top] = data.bounds;
  const last = data.count - 1, stride = data.bodies * 7, resyncs = new Set(data.resyncs);
  let at = 0, playing = false, before = 0, colours = {}, scale = 1, width = 0, height = 0;

  const hull = (points) => {
    const distinct = points.filter((p, i) => points.findIndex((o) => Math.hypot(o[0] - p[0], o[1] - p[1]) < 1e-6) === i);
    const sorted = distinct.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const chain = (list) => {
      const out = [];
      for (const p of list) {
        while (out.length > 1) {
          const a = out[out.length - 2], b = out[out.length - 1];
          if ((b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) > 1e-12) break;
          out.pop();
        }
        out.push(p);
      }
      return out.slice(0, -1);
    };
    const loop = chain(sorted).concat(chain(sorted.reverse()));
    return loop.length ? loop : distinct;
  };
  const rotate = (q, p) => {
    const tx = 2 * (q[1] * p[2] - q[2] * p[1]), ty = 2 * (q[2] * p[0] - q[0] * p[2]), tz = 2 * (q[0] * p[1] - q[1] * p[0]);
    return [p[0] + q[3] * tx + q[1] * tz - q[2] * ty, p[2] + q[3] * tz + q[0] * ty - q[1] * tx];
  };
  const pose = (frames, body, ghost) => {
    const from = Math.floor(at), to = Math.min(last, from + 1), share = ghost && resyncs.has(to) ? 0 : at - from;
    const a = from * stride + body * 7, b = to * stride + body * 7;
    let dot = 0;
    for (let i = 3; i < 7; i++) dot += frames[a + i] * frames[b + i];
    const mixed = [];
    for (let i = 0; i < 7; i++) mixed.push(frames[a + i] * (1 - share) + frames[b + i] * share * (i > 2 && dot < 0 ? -1 : 1));
    const length = Math.hypot(mixed[3], mixed[4], mixed[5], mixed[6]) || 1;
    return { x: mixed[0], z: mixed[2], q: mixed.slice(3).map((v) => v / length) };
  };
  const toScreen = (x, z) => [width / 2 + (x - (left + right) / 2) * scale, height / 2 - (z - (bottom + top) / 2) * scale];
  const trace = (outline, frames, ghost) => {
    const { x, z, q } = pose(frames, outline.body, ghost);
    const loop = hull(outline.points.map((p) => rotate(q, p)).map(([px, pz]) => [x + px, z + pz]));
    const radius = outline.radius_m;
    context.beginPath();
    if (loop.length === 1) {
      const [cx, cy] = toScreen(loop[0][0], loop[0][1]);
      context.arc(cx, cy, Math.max(radius * scale, 1), 0, 2 * Math.PI);
    } else loop.forEach((p, i) => {
      const [cx, cy] = toScreen(p[0], p[1]);
      if (radius === 0) return context.lineTo(cx, cy);
      const previous = loop[(i + loop.length - 1) % loop.length], next = loop[(i + 1) % loop.length];
      const normal = (a, b) => Math.atan2(b[0] - a[0], b[1] - a[1]);
      context.arc(cx, cy, radius * scale, normal(previous, p), normal(p, next), true);
    });
    context.closePath();
  };
  const niceStep = (span) => { const raw = span / 8, base = 10 ** Math.floor(Math.log10(raw)); return [1, 2, 5, 10].map((m) => m * base).find((s) => s >= raw); };
  const drawBackground = () => {
    context.clearRect(0, 0, width, height);
    for (const ground of data.grounds) {
      const [, sy] = toScreen(0, ground);
      context.fillStyle = colours.ground;
      context.fillRect(0, sy, width, Math.max(0, height - sy));
    }
    context.lineWidth = 1;
    context.strokeStyle = colours.line;
    context.fillStyle = colours.soft;
    context.font = '11px system-ui, sans-serif';
    const spanX = width / scale, step = niceStep(spanX), middle = (left + right) / 2, centre = (bottom + top) / 2;
    for (let x = Math.ceil((middle - spanX / 2) / step) * step; x <= middle + spanX / 2; x += step) {
      const [sx] = toScreen(x, 0);
      context.beginPath(); context.moveTo(sx, 0); context.lineTo(sx, height); context.stroke();
      context.fillText(Number(x.toFixed(3)) + ' m', sx + 4, height - 6);
    }
    const spanZ = height / scale;
    for (let z = Math.ceil((centre - spanZ / 2) / step) * step; z <= centre + spanZ / 2; z += step) {
      const [, sy] = toScreen(0, z);
      context.beginPath(); context.moveTo(0, sy); context.lineTo(width, sy); context.stroke();
    }
  };
  const draw = () => {
    drawBackground();
    for (const outline of data.outlines) {
      trace(outline, data.truth, false);
      context.fillStyle = outline.colour || colours.truth;
      context.fill();
      context.lineWidth = 1.5; context.strokeStyle = colours.edge; context.setLineDash([]);
      context.stroke();
    }
    for (const outline of data.outlines) {
      if (!outline.ghost) continue;
      trace(outline, data.dream, true);
      context.globalAlpha = 0.38; context.fillStyle = colours.dream; context.fill();
      context.globalAlpha = 1; context.lineWidth = 2; context.strokeStyle = colours.dream; context.setLineDash([5, 3]);
      context.stroke(); context.setLineDash([]);
    }
    const frame = Math.min(last, Math.round(at)), show = (name, text) => { const node = part(name); if (node) node.textContent = text; };
    show('time', (at * data.dt_s).toFixed(2) + ' s');
    show('step', frame + ' / ' + last);
    show('error', data.errors[frame].toFixed(2) + ' ' + data.errorUnit);
    if (data.rewards) {
      const dreamed = data.rewards.dream[frame];
      show('reward', data.rewards.truth[frame].toFixed(2) + (dreamed === undefined ? '' : ' (dream ' + dreamed.toFixed(2) + ')'));
    }
    const resynced = data.resyncs.filter((r) => r <= frame).pop();
    show('since', resynced === undefined ? frame + ' steps' : frame - resynced + ' steps');
    playhead.style.left = (last ? (100 * at) / last : 0) + '%';
    slider.value = String(at);
    slider.setAttribute('aria-valuetext', (at * data.dt_s).toFixed(2) + ' seconds, error ' + data.errors[frame].toFixed(2) + ' ' + data.errorUnit);
  };
  const measure = () => {
    const style = getComputedStyle(root);
    for (const name of ['truth', 'dream', 'line', 'soft', 'ground', 'edge']) colours[name] = style.getPropertyValue('--' + name).trim();
    const ratio = window.devicePixelRatio || 1;
    width = canvas.clientWidth; height = canvas.clientHeight;
    canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    scale = Math.min(width / (right - left), height / (top - bottom));
    draw();
  };
  const play = (on) => {
    if (on && at >= last) at = 0;
    playing = on; before = 0;
    button.textContent = on ? '❚❚ Pause' : '▶ Play';
    if (on) requestAnimationFrame(tick);
  };
  const tick = (now) => {
    if (!playing) return;
    if (before) at = Math.min(last, at + ((now - before) / 1000 / data.dt_s) * Number(speed.value));
    before = now;
    draw();
    if (at >= last) play(false);
    else requestAnimationFrame(tick);
  };
  const seek = (frame) => { play(false); at = Math.max(0, Math.min(last, frame)); draw(); };
  button.addEventListener('click', () => play(!playing));
  slider.addEventListener('input', () => seek(Number(slider.value)));
  root.addEventListener('keydown', (event) => {
    if (event.target === speed || event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ArrowLeft: -1, ArrowRight: 1 };
    if (event.key === ' ') play(!playing);
    else if (event.key in moves) seek(Math.round(at) + moves[event.key] * (event.shiftKey ? 10 : 1));
    else if (event.key === 'Home') seek(0);
    else if (event.key === 'End') seek(last);
    else return;
    event.preventDefault();
  });
  root.addEventListener('keyup', (event) => { if (event.key === ' ' && event.target === button) event.preventDefault(); });
  const scheme = window.matchMedia('(prefers-color-scheme: dark)');
  if (scheme.addEventListener) scheme.addEventListener('change', measure);
  if (window.ResizeObserver) new ResizeObserver(measure).observe(canvas);
  else window.addEventListener('resize', measure);
  measure();
  const still = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
  if (!still && window.IntersectionObserver) {
    const watcher = new IntersectionObserver((seen) => { if (seen.some((s) => s.isIntersecting)) { watcher.disconnect(); play(true); } }, { threshold: 0.6 });
    watcher.observe(canvas);
  }
})();
`;
