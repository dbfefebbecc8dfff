"use strict";
// Pictures: each is drawn when it comes into sight, again when the colours change, and for print.
const drawn = new Map();
const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
/** Names from data in a picture: Plotly reads tags in text, so these must not look like any. */
const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
/** A name beside a picture: in one line, on a phone in two. */
function short(text) {
  if (innerWidth >= 720) return plain(cut(text, 44));
  const lines = [""];
  for (const word of text.split(" ")) {
    if (lines[0] && lines.at(-1).length + word.length > 18 && lines.length < 2) lines.push(word);
    else lines.push(`${lines.pop()} ${word}`.trim());
  }
  return lines.map((line) => plain(cut(line, 22))).join("<br>");
}
/** Days of an axis: where ticks are closer than months, with the day. */
const DAYS = [{ dtickrange: ["M1", null], value: "%Y-%m" }, { dtickrange: [null, "M1"], value: "%m-%d" }];
const alpha = (colour, share) =>
  colour + Math.round(share * 255).toString(16).padStart(2, "0");

const sight = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) { sight.unobserve(entry.target); paint(entry.target); }
}, { rootMargin: "300px" });

/** Draw `make()`, an object of traces and layout, into a node. */
function chart(node, make) {
  drawn.set(node, { make, seen: false });
  if (window.Plotly) sight.observe(node);
  return node;
}
function paint(node) {
  const entry = drawn.get(node);
  if (!node.isConnected || !entry) return;
  entry.seen = true;
  const { traces, layout = {} } = entry.make();
  const axis = { gridcolor: ink("line"), zerolinecolor: ink("line"), linecolor: ink("line"), automargin: true, fixedrange: true };
  const { xaxis, yaxis, ...rest } = layout;
  Plotly.react(node, traces, {
    font: { family: "Board, system-ui, sans-serif", size: 13, color: ink("text") },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", separators: ".,",
    margin: { l: 8, r: 12, t: 12, b: 8 }, hoverlabel: { bgcolor: ink("card"), font: { color: ink("text") } },
    showlegend: false, dragmode: false, ...rest, xaxis: titled({ ...axis, ...xaxis }), yaxis: titled({ ...axis, ...yaxis }),
  }, { displayModeBar: false, responsive: true });
}
/** Room between an axis and its title. */
const titled = (axis) => (axis.title?.text ? { ...axis, title: { standoff: 12, ...axis.title } } : axis);
function repaint(all) {
  for (const [node, { seen }] of drawn) {
    if (!node.isConnected) drawn.delete(node);
    else if (seen || all) paint(node);
  }
}
document.addEventListener("DOMContentLoaded", () => drawn.forEach((_, node) => sight.observe(node)));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => repaint(false));
addEventListener("beforeprint", () => { document.documentElement.dataset.print = ""; repaint(true); });
addEventListener("afterprint", () => { delete document.documentElement.dataset.print; repaint(false); });

const canvas = (name, label, size = "") => el("div", { class: `chart ${size}`, id: name, role: "img", "aria-label": label });
const upright = (at, colour, dash = "dot") => ({
  type: "line", x0: at, x1: at, yref: "paper", y0: 0, y1: 1, line: { color: colour, width: 1.5, dash } });
const note = (at, text, colour, y = 1) => ({
  x: at, y, yref: "paper", text, showarrow: false, xanchor: "left", yanchor: "top", xshift: 4, font: { size: 12, color: colour } });

/** The band of a curve with gaps: a closed outline of each stretch. */
function bandOf({ day, q05, q95 }) {
  const x = [], y = [];
  for (let i = 0, from = 0; i <= day.length; i++) {
    if (i < day.length && known(q05[i])) continue;
    x.push(...day.slice(from, i), ...day.slice(from, i).reverse(), null);
    y.push(...q05.slice(from, i), ...q95.slice(from, i).reverse(), null);
    from = i + 1;
  }
  return { x, y };
}

/** A customer: purchases and visits as ticks, what the silence says by day, the dates. */
function drawPerson(node, row, story) {
  const bought = story ? story.purchase_days : [row.first, row.last].filter(Boolean);
  const visited = story?.visit_days ?? [row.visit].filter(Boolean);
  const ticks = (days, name, y, colour) => ({
    x: days, y: days.map(() => y), name: t(name), mode: "markers", yaxis: "y2", showlegend: false, hovertemplate: `%{x|%Y-%m-%d} ${t(name)}<extra></extra>`,
    marker: { symbol: "line-ns", size: 16, line: { width: 2, color: colour } } });
  const curves = [["back_by_then", "blue", story?.risk_by_day], ["col_alive", "purple", story?.alive_by_day]].filter(([, , c]) => c);
  chart(node, () => {
    const traces = [ticks(bought, "purchases", 1, ink("blue"))];
    if (visited.length) traces.push(ticks(visited, "visits", 0, ink("green")));
    for (const [key, colour, c] of curves) {
      traces.push({ ...bandOf(c), mode: "lines", hoverinfo: "skip", showlegend: false, line: { width: 0 }, fill: "toself", fillcolor: alpha(ink(colour), 0.2) },
        { x: c.day, y: c.mean, mode: "lines", line: { width: 2, color: ink(colour) }, hoverinfo: "x+y+name", name: t(key), connectgaps: false });
    }
    const shapes = [upright(about.as_of, ink("soft"), "dash")], marks = [note(about.as_of, t("today"), ink("soft"))];
    if (row.late) { shapes.push(upright(row.late, ink("orange"), "solid")); marks.push(note(row.late, t("late_from"), ink("orange"), 0.82)); }
    if (row.due10 && row.due90) shapes.push({ type: "rect", name: t("fact_due"), showlegend: true, x0: row.due10, x1: row.due90, yref: "paper", y0: 0, y1: 1, line: { width: 0 }, fillcolor: alpha(ink("green"), 0.12), layer: "below" });
    const from = bought[0] ?? row.signup ?? about.as_of;
    const to = [about.as_of, row.late, row.due90].filter((d) => d && daysBetween(about.as_of, d) < 200).sort().at(-1);
    return { traces, layout: {
      shapes, annotations: marks, showlegend: curves.length > 0, legend: { orientation: "h", y: -0.12, x: 0 }, xaxis: { type: "date", range: [plusDays(from, -4), plusDays(to, 20)], tickformatstops: DAYS },
      yaxis: { range: [0, 1.02], tickformat: ".0%", domain: [0, curves.length ? 0.68 : 0.01], visible: curves.length > 0, fixedrange: true },
      yaxis2: { domain: [curves.length ? 0.74 : 0.1, 1], range: visited.length ? [-0.6, 1.6] : [0.2, 1.8], tickvals: visited.length ? [0, 1] : [1], ticktext: visited.length ? [t("visits"), t("purchases")] : [t("purchases")], automargin: true, fixedrange: true, showgrid: false, zeroline: false } } };
  });
  paint(node);
}

/** A Sankey of links [from, to, n], each end with a name and a colour. */
function sankey(node, ends, links) {
  node.style.height = `${Math.min(420, 80 + 44 * links.length)}px`;
  chart(node, () => ({
    traces: [{
      type: "sankey", arrangement: "snap", valueformat: ",d", textfont: { color: ink("text"), size: 12, shadow: "none" },
      node: { label: ends.map((e) => (e.silent ? "" : short(e.name))), customdata: ends.map((e) => plain(e.name)), color: ends.map((e) => ink(e.colour)), pad: 14, thickness: 12, line: { width: 0 },
        hovertemplate: "%{customdata}: %{value}<extra></extra>" },
      link: { source: links.map((l) => l[0]), target: links.map((l) => l[1]), value: links.map((l) => l[2]), color: links.map((l) => alpha(ink(ends[l[0]].colour), 0.28)),
        hovertemplate: "%{source.customdata} → %{target.customdata}: %{value}<extra></extra>" } }],
    layout: { margin: { l: 4, r: 4, t: 8, b: 8 } } }));
}

/** Late customers by their chance not to buy, and the cut from which a message pays. */
function drawWorth(node, bands, cut) {
  chart(node, () => ({
    traces: bands.map(({ band, colour, bars }) => ({
      type: "bar", name: t(`band_${band}`), x: bars.map((_, i) => i / 20 + 0.025), y: bars, marker: { color: ink(colour) },
      hovertemplate: `%{x:.0%}: %{y} ${t(`band_${band}`)}<extra></extra>` })),
    layout: { barmode: "stack", bargap: 0.12, showlegend: true, legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
      shapes: [upright(Math.min(cut(), 1), ink("text"), "solid")], annotations: [note(Math.min(cut(), 0.8), t("pays_from_here"), ink("text"))],
      xaxis: { range: [0, 1], tickformat: ".0%", title: { text: t("axis_risk") } }, yaxis: { title: { text: t("axis_customers") } } } }));
}

/** Share with a first purchase by signup day and age. */
function drawHeat(node, heat) {
  chart(node, () => ({
    traces: [{ type: "heatmap", x: heat.days, y: heat.dates, z: heat.ratio, zmin: 0, hoverongaps: false, xgap: 0.5, ygap: heat.dates.length > 80 ? 0 : 0.5,
      colorscale: [[0, ink("heat0")], [0.5, ink("heat1")], [1, ink("heat2")]], colorbar: { thickness: 10, tickformat: ".0%", outlinewidth: 0 },
      hovertemplate: `%{y|%Y-%m-%d} · ${t("axis_age")} %{x}: %{z:.0%}<extra></extra>` }],
    layout: { xaxis: { title: { text: t("axis_age") }, showgrid: false, zeroline: false }, yaxis: { type: "date", tickformatstops: DAYS, autorange: "reversed", showgrid: false } } }));
}

/** A line with its band over days, with the chosen N. */
function drawDays(node, make) {
  chart(node, () => {
    const { x, y, low, high, dots, n, format: shape, title } = make();
    const line = (values, extra) => ({ x, y: values, mode: "lines", line: { width: 0 }, hoverinfo: "skip", ...extra });
    const traces = [];
    if (low) traces.push(line(low), line(high, { fill: "tonexty", fillcolor: alpha(ink("blue"), 0.2) }));
    traces.push(line(y, { line: { color: ink("blue"), width: 2.5 }, hoverinfo: "x+y" }));
    if (dots) traces.push({ x, y: dots, mode: "markers", marker: { color: ink("text"), size: 5 }, hoverinfo: "x+y" });
    return { traces, layout: {
      shapes: known(n) ? [upright(n, ink("orange"), "solid")] : [], annotations: known(n) ? [note(n, t("day_n", { n }), ink("orange"))] : [],
      xaxis: { title: { text: t("axis_age") } }, yaxis: { tickformat: shape, title: { text: title } } } };
  });
}

/** Forecast against what came: on the diagonal they agree. */
function drawTrust(node, points) {
  chart(node, () => ({
    traces: [
      { x: [0, 1], y: [0, 1], mode: "lines", line: { color: ink("soft"), dash: "dash", width: 1 }, hoverinfo: "skip" },
      { x: points.map((p) => p[0]), y: points.map((p) => p[1]), customdata: points.map((p) => p[2]), mode: "markers+lines", line: { color: alpha(ink("blue"), 0.4), width: 1 },
        marker: { color: ink("blue"), size: 9 }, hovertemplate: `${t("axis_forecast")} %{x:.0%}<br>${t("axis_came")} %{y:.0%}<br>%{customdata} ${t("axis_customers")}<extra></extra>` }],
    layout: { xaxis: { range: [-0.02, 1.02], tickformat: ".0%", title: { text: t("axis_forecast") } }, yaxis: { range: [-0.02, 1.02], tickformat: ".0%", title: { text: t("axis_came") } } } }));
}
