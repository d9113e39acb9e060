/** The page's only style sheet. Colours: Okabe–Ito hues, darkened or lightened until text reaches a contrast of 4.5. */
export const style = `
:root{color-scheme:light dark;--paper:#f6f5f1;--panel:#fff;--ink:#18202b;--soft:#566170;--line:#dfe2e6;--truth:#0b5fa5;--dream:#c24e00;--still:#6b7480;--linear:#00735a;--ground:#e6e3da;--edge:#18202b55;--pass:#00694f;--fail:#b1261b;--unsure:#7d5a00;--na:#6b7480;--shadow:0 1px 2px #18202b14,0 6px 24px #18202b0d}
@media (prefers-color-scheme:dark){:root{--paper:#0e1218;--panel:#171d26;--ink:#e9edf3;--soft:#a4afbd;--line:#2b3440;--truth:#6db8f5;--dream:#ff9a4d;--still:#9aa5b3;--linear:#4fd1ab;--ground:#222a35;--edge:#e9edf366;--pass:#4fd1ab;--fail:#ff8a7d;--unsure:#f0c24b;--na:#9aa5b3;--shadow:none}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1240px;margin:0 auto;padding:clamp(16px,3vw,40px)}
header{padding:0 0 8px}
.kicker{margin:0;color:var(--soft);font-size:.9rem;overflow-wrap:anywhere}
h1{margin:.1em 0 .5em;font-size:clamp(1.5rem,3.4vw,2.3rem);line-height:1.15;letter-spacing:-.015em;overflow-wrap:anywhere;text-wrap:balance}
h2{margin:0 0 .35em;font-size:1.25rem;letter-spacing:-.01em}
section{margin-top:clamp(24px,3.4vw,44px)}
.lead{margin:0 0 1em;color:var(--soft);max-width:72ch}
.panel,.banner,.chart{background:var(--panel);border:1px solid var(--line);border-radius:14px;box-shadow:var(--shadow)}
.banner{padding:clamp(16px,2.4vw,28px);border-left:6px solid var(--tone)}
.banner.PASS{--tone:var(--pass)}.banner.FAIL{--tone:var(--fail)}.banner.INCONCLUSIVE,.banner.NOT_APPLICABLE{--tone:var(--unsure)}
.verdict{display:inline-flex;gap:.45em;align-items:center;font-weight:700;letter-spacing:.04em;font-size:.9rem;color:var(--tone)}
.banner .first{margin:.35em 0 .5em;font-size:clamp(1.2rem,2.3vw,1.65rem);line-height:1.3;font-weight:650;letter-spacing:-.01em;text-wrap:pretty}
.banner p{margin:.3em 0;max-width:80ch}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:14px 24px;margin:18px 0 0;padding:16px 0 0;border-top:1px solid var(--line)}
.facts div{min-width:0}
.facts dt{color:var(--soft);font-size:.85rem}
.facts dd{margin:0;font-size:1.35rem;font-weight:650;font-variant-numeric:tabular-nums}
.facts small{display:block;color:var(--soft);font-weight:400;font-size:.8rem}
.scroll{overflow-x:auto}
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);padding:12px 16px 0;font-size:.9rem}
th,td{padding:9px 16px;text-align:left;border-top:1px solid var(--line);vertical-align:top}
thead th{border-top:0;color:var(--soft);font-weight:600;font-size:.85rem;white-space:nowrap}
tbody th{font-weight:600}
td.number{white-space:nowrap}
td small,th small{display:block;color:var(--soft);font-weight:400;font-size:.82rem}
.chip{display:inline-block;white-space:nowrap;font-weight:700;font-size:.82rem;color:var(--tone)}
.chip.PASS{--tone:var(--pass)}.chip.FAIL{--tone:var(--fail)}.chip.INCONCLUSIVE{--tone:var(--unsure)}.chip.NOT_APPLICABLE{--tone:var(--na)}
.strip{display:block}.strip .axis{stroke:var(--line)}.strip .region{fill:var(--truth);fill-opacity:.18}.strip .interval{stroke:var(--dream);stroke-width:3.5}.strip .value{fill:var(--dream);stroke:var(--panel);stroke-width:1.5}.strip .floor{stroke:var(--ink);stroke-width:1.5}
.rows{font-size:.94rem}.rows tbody th{min-width:16em;max-width:22em}.rows td.judged{min-width:11em;max-width:24em}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,240px),1fr));gap:12px;margin:0 0 16px}
.card{display:flex;flex-direction:column;gap:3px;padding:12px 14px;background:var(--panel);border:1px solid var(--line);border-radius:14px;color:var(--ink);text-decoration:none;box-shadow:var(--shadow)}
.card:hover strong{text-decoration:underline}.card>span{color:var(--soft);font-size:.88rem}.card .marks{display:flex;flex-wrap:wrap;gap:2px 10px}.card small{color:var(--soft);font-size:.8rem}
.figures,.wide{margin-top:16px}.grid.figures{grid-template-columns:repeat(auto-fill,minmax(min(100%,330px),1fr))}
.absent{margin:14px 0 0;padding:10px 16px;border-left:4px solid var(--line);color:var(--soft);font-size:.9rem;max-width:90ch}.absent li{list-style:none;margin:.2em 0}
.worst{padding:14px 16px;margin-bottom:14px}.worst h3{margin:0;font-size:1.02rem}.worst .note{margin:2px 0 8px}
.small{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,240px),1fr));gap:8px 16px}.small figure{margin:0;min-width:0}.small figcaption{font-size:.82rem;font-weight:600;overflow-wrap:anywhere}
.small svg{width:100%;height:auto;display:block;font:11px system-ui,sans-serif;color:var(--soft);overflow:visible}
.files{display:flex;flex-wrap:wrap;gap:4px 18px;margin:8px 0 4px;font-size:.88rem}.command{margin:2px 0;font-size:.88rem}
.grid.pair{margin-bottom:16px}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,330px),1fr));gap:16px}
.chart{margin:0;padding:14px 14px 8px;min-width:0}
.chart figcaption{font-weight:600;margin-bottom:6px;overflow-wrap:anywhere}
.chart>svg{width:100%;height:auto;display:block;margin:0 auto;font:11px system-ui,sans-serif;color:var(--soft);overflow:visible}
.note,.empty{margin:8px 0 4px;color:var(--soft);font-size:.85rem}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;margin:0 0 10px;color:var(--soft);font-size:.88rem}
.key{display:inline-flex;align-items:center;gap:7px}
.replay{padding:clamp(10px,1.6vw,18px)}
.replay:focus-visible,.replay :focus-visible{outline:3px solid var(--truth);outline-offset:2px}
.replay canvas{display:block;width:100%;border-radius:8px;background:var(--paper)}
.timeline{position:relative;height:48px;margin-top:30px;border-bottom:1px solid var(--line)}
.timeline svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}
.timeline .off{fill:var(--dream);fill-opacity:.25;stroke:var(--dream);stroke-width:1.5;vector-effect:non-scaling-stroke}
.timeline .resync{stroke:var(--truth);stroke-width:1.5;stroke-dasharray:3 3;vector-effect:non-scaling-stroke}
.timeline i{position:absolute;top:0;bottom:0;width:2px;margin-left:-1px;background:var(--ink)}
.timeline span{position:absolute;left:0;top:-22px;font-size:.78rem;color:var(--soft)}
input[type=range]{display:block;width:calc(100% + 16px);margin:4px -8px 8px;accent-color:var(--dream);height:24px}
.controls{display:flex;flex-wrap:wrap;gap:10px 14px;align-items:center}
button,select{font:inherit;color:var(--ink);background:var(--panel);border:1px solid var(--line);border-radius:9px;padding:7px 14px;min-height:40px}
button{min-width:7.2em;font-weight:650;background:var(--ink);color:var(--panel);border-color:var(--ink);cursor:pointer}
.readout{display:flex;flex-wrap:wrap;gap:6px 22px;margin:0 0 0 auto;font-variant-numeric:tabular-nums}
.readout div{display:flex;gap:6px}.readout dt{color:var(--soft)}.readout dd{margin:0;font-weight:600;min-width:4.2em}
kbd{font:inherit;font-size:.82em;border:1px solid var(--line);border-radius:4px;padding:0 5px;background:var(--paper)}
.swatch{display:inline-block;width:26px;height:14px;border-radius:4px;background:var(--truth)}
.swatch.dream{background:color-mix(in srgb,var(--dream) 38%,transparent);border:2px dashed var(--dream)}
footer{margin-top:44px;padding-top:18px;border-top:1px solid var(--line);color:var(--soft);font-size:.9rem}
footer dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 18px;margin:0}
footer dt{font-weight:600}footer dd{margin:0;overflow-wrap:anywhere}
code{font:.92em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere;color:var(--ink)}
a{color:var(--truth)}
@media (max-width:640px){.readout{margin-left:0;width:100%;display:grid;grid-template-columns:1fr 1fr}.rows thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}.rows tr{display:grid;grid-template-columns:1fr auto;gap:2px 12px;padding:12px 16px;border-top:1px solid var(--line)}.rows th,.rows td{border:0;padding:0}.rows th{grid-column:1;grid-row:1}.rows td.judged{grid-column:2;grid-row:1;text-align:right}.rows td.number{white-space:normal}.rows td.number small{display:inline}.rows td.drawn{grid-column:1/-1}.rows td.bound::before{content:"passes ";color:var(--soft)}.rows td.count::before{content:"n ";color:var(--soft)}.rows td.why{grid-column:1/-1}footer dl{grid-template-columns:1fr}footer dd{margin-bottom:6px}}
@media print{body{background:#fff}.controls,input[type=range]{display:none}.chart,.panel,.banner{box-shadow:none;break-inside:avoid}}
`;
