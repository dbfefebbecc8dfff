"use strict";
// The sections of the page, in their order.
const { front, grid, nday, journeys, plan, trust } = data;
const STATE = { positive: "blue", neutral: "soft", negative: "orange", left: "faint", new: "green" };

document.getElementById("asof").textContent = t("as_of", { day: longDay(about.as_of) });
document.getElementById("foot").append(
  el("p", {}, t("made", { run: about.run, made: about.made.replace("T", " "), version: about.version ?? "" })));

/** A number that answers: a click lists its customers. */
function tile(key, value, note, name) {
  const inside = [el("span", { class: "label" }, t(key)), el("strong", {}, value), el("span", { class: "hint" }, note)];
  return name && people.length ? el("button", { class: `tile ${key}`, "data-list": name }, inside) : el("div", { class: `tile ${key}` }, inside);
}

function showFront() {
  if (!front) return body("front").append(absent("front"));
  const { late, money: costs, coming } = front;
  const tiles = [
    tile("late_week", count(late.week), t("late_week_note", { month: count(late.month) }), "week"),
    late.worth_message === null
      ? tile("winnable", count(late.winnable), t("winnable_note"), "winnable")
      : tile("worth", count(late.worth_message), t("worth_note", { of: count(late.winnable) }), "winnable"),
    tile("gone", count(late.gone), t("gone_note"), "gone"),
    stake(late, costs),
  ];
  if (coming) tiles.push(tile("coming", count(coming.mean), t("coming_note", { days: coming.days, low: count(coming.q05), high: count(coming.q95) })));
  body("front").append(el("div", { class: "tiles" }, tiles), changed());
}

function stake(late, costs) {
  const many = late.month + late.winnable;
  const how = costs.missed === null ? t("costs_not_stated") : t("costs_stated", { contact: money(costs.contact_cost), save: percent(costs.save_probability), value: money(costs.value_per_customer) });
  if (late.value) return tile("stake", money(late.value.fresh + late.value.winnable, true), `${t("stake_value", { days: front.value_days, n: count(many) })} ${how}`, "late");
  if (known(costs.value_per_customer)) return tile("stake", money(many * costs.value_per_customer, true), `${t("stake_costs", { n: count(many) })} ${how}`, "late");
  return tile("stake", none, how);
}

function changed() {
  const { since, late } = front;
  if (!since) return absent("moves") ?? el("p", { class: "absent" }, t("absent_moves"));
  const told = ["fresh", "winnable", "gone"].map((k) => ({ name: t(`list_${k}`), key: k === "fresh" ? "month" : k }));
  const rows = [...since.groups, ...(since.late ? told.map((r) => ({ ...r, n_before: since.late[r.key], n: late[r.key] })) : [])];
  const lines = rows.map((c) => {
    const more = c.n - c.n_before, chance = known(c.change_q05) && c.change_q05 <= 0 && c.change_q95 >= 0;
    const moved = known(c.moves_in) ? t("moved", { into: count(c.moves_in + c.entries), out: count(c.n_before + c.moves_in + c.entries - c.n) }) : "";
    return el("li", {}, el("span", {}, c.name), el("b", {}, `${count(c.n_before)} → ${count(c.n)}`),
      el("span", { class: "delta" }, signed(more)), el("small", {}, [moved, chance ? t("within_chance") : ""].filter(Boolean).join(" · ")));
  });
  const leak = front.leak?.alert ? el("p", { class: "note warn" }, t("leak", { share: percent(front.leak.share), usual: percent(front.leak.usual_share) })) : null;
  return el("div", { class: "card" }, el("h3", {}, t("changed", { day: saidDay(since.day) })), leak,
    el("p", { class: "hint" }, t(since.run ? "changed_run" : "changed_day", { run: since.run ?? "" })), el("ul", { class: "changes" }, lines));
}

function showGrid() {
  const place = body("segments");
  if (grid) place.append(absent("visits") ?? "", el("p", { class: "hint" }, t(grid.columns.length ? "grid_hint" : "grid_hint_rows")), gridTable(), el("div", { id: "cell" }));
  else place.append(absent("grid"));
  if (!data.people) return place.append(absent("people") ?? "");
  place.append(el("div", { id: "people", class: "card" }));
  openList("urgent");
}

function gridTable() {
  const byCode = new Map(grid.cells.map((c) => [c.code, c]));
  const columns = [...grid.columns];
  if (grid.cells.some((c) => c.code.endsWith("unknown"))) columns.push(["visit_unknown", columns.length ? t("visit_unknown") : ""]);
  const head = el("tr", {}, el("td"), columns.map(([, name]) => el("th", { scope: "col" }, name)));
  const rows = grid.rows.filter(([state]) => columns.some(([c]) => byCode.has(`${state}.${c}`)));
  const lines = rows.map(([state, name]) =>
    el("tr", {}, el("th", { scope: "row" }, name), columns.map(([c]) => el("td", {}, cellButton(byCode.get(`${state}.${c}`))))));
  return el("table", { class: `grid${grid.columns.length ? "" : " narrow"}` }, grid.columns.length ? el("thead", {}, head) : null, el("tbody", {}, lines));
}

function cellButton(cell) {
  if (!cell) return null;
  const more = known(cell.n_before) ? cell.n - cell.n_before : null;
  const change = more === null ? null : el("span", { class: "delta" }, `${more > 0 ? "▲" : more < 0 ? "▼" : ""} ${signed(more)}`);
  const label = t("cell_label", { name: cell.name, n: count(cell.n), share: percent(cell.share, 1) });
  return el("button", { class: `cell ${cell.polarity}`, "data-cell": cell.code, "aria-pressed": "false", "aria-label": label, style: `--weight:${Math.round(12 + 50 * Math.sqrt(cell.share))}%` },
    el("strong", {}, count(cell.n)), el("span", {}, percent(cell.share, 1)), change, sparkline(cell.trend, t("trend")));
}

function openCell(code) {
  const cell = grid.cells.find((c) => c.code === code);
  press(`[data-cell="${code}"]`);
  const actions = grid.actions.filter((a) => cell.actions.includes(a.action_id));
  const links = grid.flows.filter(([a, b]) => (a === code) !== (b === code));
  const inward = links.filter((l) => l[1] === code), outward = links.filter((l) => l[0] === code);
  const sum = (rows) => count(rows.reduce((n, l) => n + l[2], 0));
  const flow = canvas("flow", t("flow_label", { name: cell.name }));
  document.getElementById("cell").replaceChildren(el("div", { class: "card" },
    el("h3", {}, cell.name),
    el("p", {}, t("cell_text", { n: count(cell.n), share: percent(cell.share, 1), low: percent(cell.share_q05, 1), high: percent(cell.share_q95, 1) })),
    actions.length ? el("ul", { class: "actions" }, actions.map((a) => el("li", {}, el("b", {}, a.channel), ` ${a.text}`))) : null,
    cell.trend.length > 1 ? el("p", { class: "trend" }, t("trend"), " ", sparkline(cell.trend, t("trend")), ` ${grid.days.map((d, i) => `${shortDay(d)}: ${count(cell.trend[i])}`).join(" · ")}`) : null,
    links.length ? el("p", {}, t("flow_text", { day: saidDay(grid.compared_to), into: sum(inward), out: sum(outward) })) : absent("moves"),
    links.length ? flow : null));
  if (links.length) drawFlow(flow, cell, inward, outward);
  if (data.people) {
    const rows = people.filter((r) => r.code === code);
    showList(cell.name, rows, rows.length < cell.n ? t("people_some", { n: count(rows.length), of: count(cell.n) }) : null);
  }
}

function drawFlow(node, cell, inward, outward) {
  const colourOf = (code) => STATE[grid.cells.find((c) => c.code === code)?.polarity ?? code] ?? "soft";
  const nameFor = (code) => (code === "new" || code === "left" ? t(`flow_${code}`) : names.get(code) ?? code);
  const ends = [{ name: cell.name, colour: STATE[cell.polarity], silent: true }], links = [];
  const side = (rows, at, link) => rows.sort((a, b) => b[2] - a[2]).slice(0, 8).forEach((row) => {
    ends.push({ name: nameFor(row[at]), colour: colourOf(row[at]) });
    links.push(link(ends.length - 1, row[2]));
  });
  side(inward, 0, (i, n) => [i, 0, n]);
  side(outward, 1, (i, n) => [0, i, n]);
  sankey(node, ends, links);
}

function openList(name) {
  press(null);
  document.getElementById("cell")?.replaceChildren();
  const rows = LISTS[name]();
  const of = { urgent: data.people.total, week: front?.late.week, fresh: front?.late.month, winnable: front?.late.winnable, gone: front?.late.gone, late: front && front.late.month + front.late.winnable }[name];
  showList(t(`list_${name}`), rows, known(of) && rows.length < of ? t("people_some", { n: count(rows.length), of: count(of) }) : null);
}
function press(selector) {
  document.querySelectorAll("[data-cell]").forEach((b) => b.setAttribute("aria-pressed", String(selector !== null && b.matches(selector))));
}

const BANDS = [["fresh", "blue"], ["winnable", "green"], ["gone", "orange"]];
function showWorth() {
  if (!front) return body("worth").append(absent("front"));
  const { money: costs } = front, stated = costs.missed !== null;
  const value = costs.value_per_customer ?? costs.typical ?? 100;
  const answer = el("p", { class: "lead", id: "worth-answer", "aria-live": "polite" });
  const picture = canvas("worth-chart", t("worth_label"));
  const change = () => { answer.textContent = worthSentence(); if (drawn.get(picture)?.seen) paint(picture); };
  const sliders = {
    contact: slider("contact", { label: t("slider_contact"), value: costs.contact_cost ?? value / 50, ...around(costs.contact_cost ?? value / 50), show: money }, change),
    save: slider("save", { label: t("slider_save"), value: costs.save_probability ?? 0.05, min: 0, max: 0.5, step: 0.005, show: (p) => percent(p, 1) }, change),
    worth: slider("worth-value", { label: t("slider_value"), value, ...around(value), show: money }, change),
  };
  const cut = () => {
    const contact = sliders.contact.get(), gain = sliders.save.get() * sliders.worth.get();
    return gain > contact ? contact / gain : Infinity; // wasted / (wasted + missed)
  };
  function worthSentence() {
    const from = cut(), counts = {};
    let gain = 0;
    for (const [band] of BANDS) {
      const pays = costs.risks[band].filter(([step]) => step >= Math.ceil(from * 1e4 - 1e-9));
      counts[band] = pays.reduce((n, [, k]) => n + k, 0);
      if (band !== "gone") gain += pays.reduce((sum, [step, k]) => sum + k * (((step + 0.5) / 1e4) * sliders.save.get() * sliders.worth.get() - sliders.contact.get()), 0);
    }
    if (!isFinite(from)) return t("worth_never");
    return t("worth_answer", { cut: percent(from, 1), winnable: count(counts.winnable), fresh: count(counts.fresh), gain: money(gain, true) });
  }
  body("worth").append(
    el("p", { class: "hint" }, t(stated ? "worth_hint_stated" : "worth_hint_example")),
    el("div", { class: "card split" }, el("div", { class: "sliders" }, Object.values(sliders).map((s) => s.node)), el("div", {}, answer, picture)));
  const bars = (rows) => rows.reduce((out, [step, n]) => { out[Math.min(Math.floor(step / 500), 19)] += n; return out; }, Array(20).fill(0));
  drawWorth(picture, BANDS.map(([band, colour]) => ({ band, colour, bars: bars(costs.risks[band]) })), cut);
  answer.textContent = worthSentence();
}

/** Value per signup of a message on each candidate day, by the reading of the silence. */
function valuesOf({ margin, coupon, message, redemption, uplift }) {
  return Object.values(nday.attention).map((attention) => nday.n.map((_, i) => {
    const reach = nday.reach[i], organic = Math.max(reach - (1 - nday.converted), 0);
    const gained = Math.min(uplift * attention[i] * reach, reach - organic);
    return gained * (margin - coupon) - organic * redemption * coupon - reach * message;
  }));
}
/** The best N: by measured attention, else the one whose worst regret over the readings is least. */
function bestOf(values) {
  const readings = Object.keys(nday.attention), own = readings.indexOf("lost_interest");
  const kept = own >= 0 ? [values[own]] : values;
  const worst = nday.n.map((_, i) => Math.max(...kept.map((v) => Math.max(...v) - v[i])));
  const best = worst.indexOf(Math.min(...worst));
  const shown = kept.reduce((low, v) => (v[best] < low[best] ? v : low));
  return { best, shown };
}

function showNday() {
  const place = body("nday");
  if (!nday) return place.append(absent("nday"));
  const { costs, rule } = nday, stated = known(costs.margin);
  const answer = el("p", { class: "lead", id: "nday-answer", "aria-live": "polite" });
  const heat = canvas("nday-heat", t("heat_label"), "tall"), curve = canvas("nday-curve", t("curve_label")), value = canvas("nday-value", t("value_label"));
  let state;
  const scale = costs.revenue ?? front?.money.typical ?? 100, margin = costs.margin ?? scale / 2, coupon = costs.coupon ?? margin / 5;
  const change = () => { decide(); [curve, value].forEach((n) => drawn.get(n)?.seen && paint(n)); };
  const s = {
    margin: slider("margin", { label: t("slider_margin"), value: margin, ...around(margin), show: money }, change),
    coupon: slider("coupon", { label: t("slider_coupon"), value: coupon, ...around(coupon), show: money }, change),
    message: slider("message", { label: t("slider_message"), value: costs.message, ...around(costs.message || margin / 200), show: money }, change),
    uplift: slider("uplift", { label: t(nday.measured ? "slider_uplift_measured" : "slider_uplift"), value: nday.uplift, min: 0, max: 0.5, step: 0.0005, show: (p) => percent(p, 1) }, change),
    redemption: slider("redemption", { label: t("slider_redemption"), value: costs.organic_redemption, min: 0, max: 1, step: 0.05, show: percent }, change),
  };
  function decide() {
    state = bestOf(valuesOf(Object.fromEntries(Object.entries(s).map(([k, v]) => [k, v.get()]))));
    const worth = state.shown[state.best];
    state.n = worth > 0 ? nday.n[state.best] : null;
    const edge = state.best === 0 || state.best === nday.n.length - 1 ? ` ${t("nday_edge")}` : "";
    answer.textContent = worth > 0 ? t("nday_answer", { n: state.n, value: money(worth) }) + edge : t("nday_never");
  }
  decide();
  place.append(
    el("p", { class: "lead" }, t(`recommended_${rule.basis}`, { n: rule.recommended, window: rule.window_days })),
    el("p", { class: "hint" }, rule.flat ? t("curve_flat", { n: count(rule.flat.median), low: count(rule.flat.q05), high: known(rule.flat.q95) ? count(rule.flat.q95) : t("never_flat") }) : t("curve_not_flat", { window: rule.window_days })),
    ...rule.warnings.map((w) => el("p", { class: "note warn" }, w)),
    el("div", { class: "pair" }, el("figure", { class: "card" }, el("figcaption", {}, t(nday.heat.weekly ? "heat_title_weeks" : "heat_title")), heat),
      el("figure", { class: "card" }, el("figcaption", {}, t("curve_title")), curve)),
    el("p", { class: "hint" }, t(stated ? "nday_hint_stated" : "nday_hint_example")),
    el("div", { class: "card split" }, el("div", { class: "sliders" }, Object.values(s).map((x) => x.node)), el("div", {}, answer, value)));
  drawHeat(heat, nday.heat);
  drawDays(curve, () => ({ x: nday.curve.days, y: nday.curve.model, low: nday.curve.low, high: nday.curve.high, dots: nday.curve.data, n: rule.recommended, format: ".0%", title: t("axis_converted") }));
  drawDays(value, () => ({ x: nday.n, y: state.shown, n: state.n, format: Math.max(...state.shown) < 1e4 ? "," : ",.3~s", title: t("axis_value") }));
}

function showJourneys() {
  const place = body("journeys");
  if (!journeys) return place.append(absent("journeys"));
  if (!journeys.paths.length) return place.append(el("p", { class: "absent" }, t("no_journeys", { days: count(journeys.window_days) })));
  const ends = [], places = new Map(), links = new Map(), colours = ["blue", "green", "orange", "purple", "sky", "soft"];
  const end = (step, item) => {
    const key = `${step} ${item}`;
    if (!places.has(key)) { places.set(key, ends.length); ends.push({ name: item, colour: colours[ends.length % colours.length] }); }
    return places.get(key);
  };
  for (const path of journeys.paths) {
    // A way of three steps is part of its pair already: only its last step is new.
    const i = path.steps.length - 2, key = `${end(i, path.steps[i])} ${end(i + 1, path.steps[i + 1])}`;
    links.set(key, (links.get(key) ?? 0) + path.support);
  }
  if (journeys.who === "all") document.getElementById("journeys-h").textContent = t("head_journeys_all");
  const picture = canvas("sankey", t("sankey_label"), "tall");
  const best = journeys.paths[0];
  place.append(
    el("p", { class: "lead", dir: "auto" }, t(`journey_${journeys.who}`, { path: best.steps.map((x) => `\u2068${x}\u2069`).join(" → "), n: count(best.support), gap: count(best.gap_days, 1), days: count(journeys.window_days), lift: best.lift_q05 > 1 ? t("journey_more", { n: count(best.lift, 1) }) : t("journey_chance") })),
    el("div", { class: "card" }, picture),
    el("p", { class: "hint" }, t("journey_open", { n: count(journeys.audience) })),
    journeys.personas.length ? el("div", { class: "personas" }, journeys.personas.map((p) => el("article", { class: "card" },
      el("h3", {}, bdi(p.attribute), " = ", bdi(p.value)),
      el("p", {}, el("strong", {}, `×${count(p.ratio, 2)}`), ` ${t(`persona_${p.comparison}`, { mine: percent(p.share_group), others: percent(p.share_others) })}`)))) : el("p", { class: "absent" }, t("no_personas")));
  sankey(picture, ends, [...links].map(([key, n]) => [...key.split(" ").map(Number), n]));
}

function showPlan() {
  const place = body("plan");
  if (!plan) return place.append(absent("plan"));
  if (!plan.calendar.length) return place.append(el("p", { class: "absent" }, t("no_plan")));
  const at = new Map(plan.calendar.map((c) => [`${c.action} ${c.date}`, c]));
  const most = Math.max(...plan.calendar.map((c) => c.treat), 1);
  const texts = new Map((grid?.actions ?? []).map((a) => [a.action_id, a]));
  const head = el("tr", {}, el("th", { scope: "col" }, t("col_action")), plan.days.map((d) => el("th", { scope: "col", title: longDay(d) }, el("small", {}, weekday(d)), dayOfMonth(d))));
  const totals = plan.actions.map((action) => plan.calendar.filter((c) => c.action === action).reduce((n, c) => n + c.treat, 0));
  const order = [...plan.actions.keys()].filter((i) => totals[i]).sort((a, b) => totals[b] - totals[a]);
  const rows = order.map((i) => {
    const action = plan.actions[i];
    const cells = plan.days.map((d) => {
      const c = at.get(`${action} ${d}`);
      return el("td", { class: "number", "data-day": `${weekday(d)} ${dayOfMonth(d)}`, style: c?.treat ? `--heat:${Math.round(15 + 60 * Math.sqrt(c.treat / most))}%` : null }, c?.treat ? count(c.treat) : "");
    });
    const text = texts.get(action);
    const save = about.ids ? el("button", { "data-plan": i, "aria-label": t("csv_of", { action }) }, t("csv")) : null;
    return el("tr", { title: action }, el("th", { scope: "row" }, el("div", {}, el("span", {}, text?.text ?? action), save), el("small", {}, text?.channel ?? "")), cells);
  });
  const held = plan.calendar.reduce((n, c) => n + c.holdout, 0);
  place.append(
    el("p", { class: "lead" }, t("plan_answer", { n: count(plan.total), days: plan.days.length, held: count(held) })),
    el("div", { class: "scroll card" }, el("table", { class: "plan" }, el("thead", {}, head), el("tbody", {}, rows))),
    el("p", { class: "hint" }, t(!about.ids ? "plan_no_ids" : plan.messages.length < plan.total ? "plan_some" : "plan_all", { n: count(plan.messages.length), of: count(plan.total) })));
}
function savePlan(i) {
  const rows = plan.messages.filter((m) => m[1] === i).map(([id, a, d, s]) => [id, plan.actions[a], plan.days[d], plan.segments[s]]);
  download(`${plan.actions[i]}_${about.as_of}`, ["customer_id", "action_id", "send_date", "segment_code"], rows);
}

function showTrust() {
  const place = body("trust");
  if (data.misfit.length) place.append(el("div", { class: "card" }, el("p", { class: "lead" }, t("trust_misfit")),
    el("details", {}, el("summary", {}, t("details")), data.misfit.map((said) => el("p", {}, said)))));
  if (!trust) return place.append(absent("trust"));
  const days = trust.target.endsWith("d") ? t("days", { n: parseFloat(trust.target) }) : t("cycles", { n: parseFloat(trust.target) });
  const said = [t("trust_risk", { origins: trust.origins, days, forecast: percent(trust.forecast, 1), observed: percent(trust.observed, 1) })];
  if (known(trust.expected)) said.push(t("trust_count", { expected: count(trust.expected, 2), actual: count(trust.actual, 2) }));
  const c = trust.comparison;
  if (c) said.push(t(c.simple_is_as_good ? "trust_simple" : "trust_model", { better: percent((c.simple_value - c.value) / c.simple_value, 1), simple: t(`rule_${c.simple}` in words ? `rule_${c.simple}` : "rule_other", { name: c.simple }) }));
  const picture = canvas("trust-chart", t("trust_label"));
  const rows = trust.candidates.map((r) => el("tr", {}, el("td", {}, r.candidate), el("td", { class: "number" }, count(r.brier, 4)), el("td", { class: "number" }, count(r.auc, 3)), el("td", { class: "number" }, known(r.bias) ? percent(r.bias, 1) : none)));
  place.append(el("div", { class: "card split" }, el("div", {}, said.map((s) => el("p", { class: "lead" }, s))), el("figure", {}, el("figcaption", {}, t("trust_title")), picture)),
    el("details", {}, el("summary", {}, t("details")), el("p", {}, t("details_text", { days })),
      el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, ["candidate", "brier", "auc", "bias"].map((k, i) => el("th", i ? { class: "number" } : {}, t(`col_${k}`))))), el("tbody", {}, rows)))));
  drawTrust(picture, trust.curve);
}

for (const show of [showFront, showGrid, showWorth, showNday, showJourneys, showPlan, showTrust]) show();

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.cell) openCell(button.dataset.cell);
  if (button.dataset.plan) savePlan(Number(button.dataset.plan));
  if (button.dataset.list) {
    openList(button.dataset.list);
    document.getElementById("people").scrollIntoView({ block: "start" });
  }
});
/** Arrow keys walk the grid. */
document.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  const cell = event.target.closest?.("[data-cell]");
  if (!step || !cell) return;
  const td = cell.closest("td"), rows = [...td.closest("tbody").rows];
  const row = rows[rows.indexOf(td.parentNode) + step[0]];
  row?.cells[td.cellIndex + step[1]]?.querySelector("button")?.focus();
  event.preventDefault();
});
