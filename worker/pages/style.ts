// How the pages look: one style sheet, inline, allowed by its hash (layout.ts). Phone first; light and dark as the reader's
// system has it. Colour never says anything that words do not.
export const STYLE = `
:root{color-scheme:light dark;
--paper:#f6f5f2;--card:#fff;--ink:#1c1d21;--soft:#5c5f68;--line:#e2e0da;--field:#fbfaf8;
--accent:#1f5f4f;--accent-ink:#fff;--danger:#a3262b;--danger-soft:#fbeceb;--warn:#7a4d00;--warn-soft:#fdf3dd;
--good:#1f6b45;--good-soft:#e6f3ec;--ghost:#b3005e;--ghost-soft:#fde7f2;
--kw:#7a2e8e;--str:#1a6640;--num:#9a4a00;--com:#5f6773;--par:#0b5cad;--shadow:0 1px 2px rgba(20,20,30,.05),0 8px 24px -16px rgba(20,20,30,.18)}
@media (prefers-color-scheme:dark){:root{
--paper:#141519;--card:#1c1e24;--ink:#eceae6;--soft:#a3a6b0;--line:#30333c;--field:#16181d;
--accent:#5fbf9f;--accent-ink:#0c1a15;--danger:#ff8d88;--danger-soft:#3a1e20;--warn:#f1c46b;--warn-soft:#352a14;
--good:#7fd3a6;--good-soft:#172f25;--ghost:#ff8cc6;--ghost-soft:#41182e;
--kw:#d9a5ea;--str:#93d8ae;--num:#f0b07a;--com:#8f96a3;--par:#86bdf5;--shadow:none}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
a{color:var(--accent);text-underline-offset:.15em}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:6px}
header.bar{display:flex;align-items:center;justify-content:space-between;gap:1rem;max-width:46rem;margin:0 auto;padding:1rem 1.1rem .25rem}
.brand{font-weight:650;letter-spacing:.01em;color:var(--ink);text-decoration:none}
.brand::before{content:"";display:inline-block;width:.62em;height:.86em;margin-right:.5em;border:.13em solid var(--accent);border-bottom:0;border-radius:.4em .4em 0 0;vertical-align:-.06em}
.viewer{display:flex;align-items:center;gap:.75rem;min-width:0;color:var(--soft);font-size:.875rem}
.viewer bdi{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;max-width:11rem}
.viewer button{all:unset;cursor:pointer;color:var(--accent);text-decoration:underline;text-underline-offset:.15em;padding:.6rem 0;white-space:nowrap}
.viewer button:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:6px}
main{max-width:46rem;margin:0 auto;padding:.75rem 1.1rem 4rem}
h1{font-size:1.6rem;line-height:1.22;letter-spacing:-.015em;margin:.7rem 0 .35rem;font-weight:680;overflow-wrap:anywhere}
h2{font-size:.8125rem;line-height:1.4;font-weight:600;color:var(--soft);margin:0 0 .6rem}
p{margin:.35rem 0}
.lede{font-size:1.0625rem;color:var(--soft);margin:0 0 .2rem;overflow-wrap:anywhere}
.lede+:not(.lede){margin-top:1.1rem}
.lede b{color:var(--ink);font-weight:600}
.soft{color:var(--soft)}
.small{font-size:.875rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:1rem 1.1rem;margin:0 0 .9rem;box-shadow:var(--shadow)}
.card>:last-child{margin-bottom:0}
.pill{display:inline-block;font-size:.8125rem;font-weight:600;padding:.2rem .65rem;border-radius:99px;background:var(--warn-soft);color:var(--warn)}
.pill.approved,.pill.consumed{background:var(--good-soft);color:var(--good)}
.pill.denied{background:var(--danger-soft);color:var(--danger)}
.pill.expired,.pill.cancelled{background:var(--line);color:var(--soft)}
.status{display:flex;flex-wrap:wrap;align-items:baseline;gap:.3rem .7rem;margin-top:.5rem}
.note{border-radius:14px;padding:.75rem 1rem;margin:0 0 .9rem;background:var(--warn-soft);color:var(--warn);overflow-wrap:anywhere}
.status+.note{margin-top:.6rem}
.note.good{background:var(--good-soft);color:var(--good)}
.note.bad{background:var(--danger-soft);color:var(--danger)}
.note.plain{background:transparent;border:1px solid var(--line);color:var(--soft)}
.note ul{margin:0;padding-left:1.1rem}
.note li:only-child{list-style:none;margin-left:-1.1rem}
.note p{margin:.15rem 0}
pre,code,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
code{font-size:.875em;overflow-wrap:anywhere}
pre.sql{margin:0;padding:.85rem .95rem;background:var(--field);border:1px solid var(--line);border-radius:10px;font-size:.875rem;line-height:1.55;
white-space:pre-wrap;overflow-wrap:anywhere;tab-size:4;direction:ltr;unicode-bidi:bidi-override;text-align:left}
pre.long{max-height:70vh;overflow:auto}
pre.hex{font-size:.7rem;white-space:pre;overflow-x:auto}
pre.sql+details,dl+pre.sql,details+pre.sql{margin-top:.7rem}
.address{font-size:.9375rem;line-height:1.5;overflow-wrap:anywhere;margin-top:0}
div.tall{max-height:70vh;overflow:auto}
h2.next{margin-top:1rem}
.kw{color:var(--kw);font-weight:600}.str{color:var(--str)}.num{color:var(--num)}.com{color:var(--com);font-style:italic}.par{color:var(--par);font-weight:600}
.ghost,.gap{background:var(--ghost-soft);color:var(--ghost);border-radius:4px;font-size:.85em;font-style:normal;font-weight:600;padding:0 .15em;unicode-bidi:isolate}
.run{display:inline-block;font-size:1px;line-height:1px;vertical-align:baseline}
.look{background:var(--ghost-soft);color:var(--ghost);border-radius:3px;text-decoration:underline wavy;text-underline-offset:.2em}
bdi.raw{direction:ltr;unicode-bidi:bidi-override;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:1fr;gap:.1rem 1rem;margin:0}
dt{color:var(--soft);font-size:.875rem;margin-top:.45rem}
dt:first-child{margin-top:0}
dd{margin:0;overflow-wrap:anywhere;min-width:0}
ul.names,ul.plain{list-style:none;margin:0;padding:0}
ul.names{display:flex;flex-wrap:wrap;gap:.35rem}
ul.names li{background:var(--field);border:1px solid var(--line);border-radius:7px;padding:.1rem .5rem;font-size:.875rem;overflow-wrap:anywhere}
ol.binds{list-style:none;margin:0;padding:0}
ol.binds li{border-top:1px solid var(--line);padding:.55rem 0}
ol.binds li:first-child{border-top:0;padding-top:0}
ol.binds pre{margin:.25rem 0 0}
.null{color:var(--soft);font-style:italic}
.rule+.rule,.vote+.vote{border-top:1px solid var(--line);margin-top:.7rem;padding-top:.7rem}
.rule p,.vote p{overflow-wrap:anywhere}
.digest{font-size:.8125rem;color:var(--soft);word-spacing:.1em}
summary{cursor:pointer;padding:.35rem 0;color:var(--accent);font-size:.9375rem}
details[open] summary{margin-bottom:.4rem}
form.decide label{display:block;font-weight:600;margin-bottom:.35rem}
textarea{width:100%;min-height:4.6rem;font:inherit;color:inherit;background:var(--field);border:1px solid var(--line);border-radius:10px;padding:.65rem .75rem;resize:vertical}
.actions{display:grid;grid-template-columns:1fr 1fr;gap:.7rem;margin-top:.8rem}
.actions button,.button{display:block;font:inherit;font-weight:640;text-align:center;text-decoration:none;min-height:3.1rem;padding:.75rem 1rem;border-radius:11px;border:1.5px solid transparent;cursor:pointer}
.approve,.button{background:var(--accent);color:var(--accent-ink)}
.actions .deny{background:transparent;border-color:var(--danger);color:var(--danger)}
.approve:hover,.button:hover{filter:brightness(1.08)}
.actions .deny:hover{background:var(--danger-soft)}
.button+.button{margin-top:.7rem}
a.item{display:block;color:inherit;text-decoration:none}
a.item .status{margin-top:0}
a.item:hover{border-color:var(--accent)}
a.item h3{font-size:1.0625rem;line-height:1.35;margin:.35rem 0 .15rem;font-weight:630;overflow-wrap:anywhere}
section.list{margin-top:1.6rem}
footer{max-width:46rem;margin:0 auto;padding:0 1.1rem 2.5rem;color:var(--soft);font-size:.8125rem}
@media (min-width:40rem){
body{font-size:16.5px}
main{padding-top:1.25rem}
h1{font-size:2rem}
.card{padding:1.25rem 1.4rem}
dl{grid-template-columns:11rem 1fr;gap:.5rem 1rem}
dt{margin-top:0}
.viewer bdi{max-width:22rem}
.actions{grid-template-columns:1fr 1.4fr}}
@media print{.actions,form,header form{display:none}pre.long{max-height:none}}
`;
