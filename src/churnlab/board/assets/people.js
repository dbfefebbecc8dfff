"use strict";
// The table of customers, and one customer's story.
const people = data.people ? rowsOf(data.people.columns) : [];
const names = new Map(data.grid ? data.grid.cells.map((cell) => [cell.code, cell.name]) : []);
const PAGE = 25;
const list = { rows: [], title: "", query: "", sort: null, down: false, shown: PAGE };

function rowsOf(columns) {
  const keys = Object.keys(columns);
  return (columns.id ?? []).map((_, i) => ({ place: i, ...Object.fromEntries(keys.map((k) => [k, columns[k][i]])) }));
}
const nameOf = (row) => row.id ?? t("person_n", { n: row.place + 1 });
const since = (row) => (row.late ? daysBetween(row.late, about.as_of) : null);

/** Lists that the front opens: the same definitions as its numbers. */
const LISTS = {
  urgent: () => people,
  week: () => people.filter((r) => since(r) !== null && since(r) >= 0 && since(r) < 7),
  fresh: () => people.filter((r) => r.band === "fresh"),
  winnable: () => people.filter((r) => r.band === "winnable"),
  late: () => people.filter((r) => r.band === "fresh" || r.band === "winnable"),
  gone: () => people.filter((r) => r.band === "gone"),
};

const COLUMNS = [
  { key: "id", show: (r) => el("button", { class: "link", "data-person": r.place }, bdi(nameOf(r))) },
  { key: "code", optional: true, show: (r) => names.get(r.code) ?? none, when: () => names.size },
  { key: "last", optional: true, show: (r) => day(r.last) },
  { key: "purchases", number: true, optional: true, show: (r) => count(r.purchases) },
  { key: "late", show: (r) => (r.late ? el("span", { class: since(r) >= 0 ? "bad" : "" }, day(r.late)) : none) },
  { key: "alive", number: true, show: (r) => chance(r.alive) },
  { key: "value", number: true, show: (r) => money(r.value), when: () => people.some((r) => known(r.value)) },
  { key: "visit", optional: true, show: (r) => day(r.visit), when: () => people.some((r) => r.visit) },
].filter((column) => !column.when || column.when());
/** A cell's list says its segment in the heading. */
const columns = () => COLUMNS.filter((c) => c.key !== "code" || new Set(list.rows.map((r) => r.code)).size > 1);

function chance(p) {
  if (!known(p)) return none;
  return el("span", { class: "chance" }, el("meter", { value: p, min: 0, max: 1, "aria-hidden": "true" }), percent(p));
}

/** Show a list under the grid. */
function showList(title, rows, note) {
  Object.assign(list, { title, rows, note, query: "", sort: null, shown: PAGE });
  const search = el("input", { type: "search", id: "search", placeholder: t("search"), "aria-label": t("search"), autocomplete: "off" });
  document.getElementById("people").replaceChildren(
    el("div", { class: "bar" }, el("h3", { id: "people-h" }, title), el("p", { id: "people-n", "aria-live": "polite" })),
    el("div", { class: "bar" }, about.ids ? search : null,
      el("button", { "data-do": "save-list" }, t("csv"))),
    el("div", { class: "scroll" }, el("table", { "aria-labelledby": "people-h" }, el("thead"), el("tbody"))),
    el("div", { class: "bar" }, el("button", { "data-do": "more", hidden: true }, t("more"))));
  fillList();
}

function found() {
  const query = list.query.trim().toLowerCase();
  const rows = query
    ? list.rows.filter((r) => `${nameOf(r)} ${names.get(r.code) ?? ""}`.toLowerCase().includes(query))
    : [...list.rows];
  if (!list.sort) return rows;
  const worth = (r) => (list.sort === "id" ? nameOf(r) : list.sort === "code" ? names.get(r.code) : r[list.sort]);
  const compare = (a, b) => (typeof a === "number" ? a - b : format("Collator", { numeric: true }).compare(a, b));
  return rows.sort((a, b) => {
    const [x, y] = [worth(a), worth(b)];
    if (!known(x) || !known(y)) return known(y) - known(x); // what is not known goes last
    return list.down ? compare(y, x) : compare(x, y);
  });
}

function fillList() {
  const rows = found();
  const head = columns().map((c) => {
    const order = list.sort === c.key ? (list.down ? "descending" : "ascending") : "none";
    return el("th", { scope: "col", class: kind(c), "aria-sort": order },
      el("button", { "data-sort": c.key }, t(`col_${c.key}`)));
  });
  const lines = rows.slice(0, list.shown).map((r) =>
    el("tr", {}, columns().map((c) => el("td", { class: kind(c) }, c.show(r)))));
  document.querySelector("#people thead").replaceChildren(el("tr", {}, head));
  document.querySelector("#people tbody").replaceChildren(...lines);
  document.getElementById("people-n").textContent = list.note && rows.length === list.rows.length
    ? list.note : t("people_n", { n: count(rows.length) });
  document.querySelector("[data-do=more]").hidden = rows.length <= list.shown;
}
const kind = (column) => [column.number && "number", column.optional && "optional"].filter(Boolean).join(" ") || null;

function saveList() {
  const keys = ["id", "code", "first", "last", "purchases", "late", "due", "alive", "value", "visit", "signup"];
  download(`customers_${about.as_of}`, keys, found().map((r) => keys.map((k) => r[k])));
}

/** One customer: what the run tells, as a picture and a paragraph. */
function showPerson(place) {
  const row = people[place], dialog = document.getElementById("person");
  const story = data.people.stories[row.id];
  const picture = el("div", { class: "chart tall", id: "person-chart" });
  dialog.replaceChildren(
    el("form", { method: "dialog", class: "bar" },
      el("h2", { id: "person-h" }, bdi(nameOf(row))), el("button", { "aria-label": t("close") }, "×")),
    row.code ? el("p", { class: "tag" }, names.get(row.code) ?? row.code) : null,
    row.last || story ? picture : null,
    el("p", { class: "lead", dir: "auto" }, story ? story.paragraph : sentences(row)),
    facts(row));
  dialog.showModal();
  if (picture.isConnected) drawPerson(picture, row, story);
}

function sentences(row) {
  const said = [];
  if (!row.last) {
    said.push(t("person_never", { day: saidDay(row.signup) }));
  } else {
    said.push(t(row.purchases > 1 ? "person_bought" : "person_once", {
      n: count(row.purchases), last: saidDay(row.last), silence: count(row.silence), cycle: count(row.cycle) }));
    if (row.late) said.push(t(since(row) >= 0 ? "person_late" : "person_until", { day: saidDay(row.late) }));
    said.push(t("person_chance", { p: percent(row.alive), year: percent(row.returns) }));
  }
  if (row.visit) said.push(t("person_visit", { day: saidDay(row.visit) }));
  return said.join(" ");
}

function facts(row) {
  const told = [
    ["col_last", day(row.last)], ["col_purchases", count(row.purchases)], ["fact_cycle", row.last ? t("days", { n: count(row.cycle) }) : none],
    ["fact_late", row.late05 && row.late95 && row.late05 !== row.late95 ? `${day(row.late)} (${day(row.late05)} – ${day(row.late95)})` : day(row.late)],
    ["fact_due", row.due ? `${day(row.due)} (${day(row.due10)} – ${day(row.due90)})` : none],
    ["fact_next", row.next ? `${day(row.next)} (${day(row.next10)} – ${day(row.next90)})` : none],
    ["col_alive", percent(row.alive)], ["fact_expected", count(row.expected, 1)],
    ["col_value", money(row.value)], ["col_visit", day(row.visit)], ["fact_signup", day(row.signup)],
  ].filter(([, value]) => value !== none);
  return el("dl", { class: "facts" }, told.map(([key, value]) => el("div", {}, el("dt", {}, t(key)), el("dd", {}, value))));
}

document.getElementById("person").addEventListener("close", (event) => event.target.replaceChildren());
document.addEventListener("input", (event) => {
  if (event.target.id !== "search") return;
  list.query = event.target.value;
  list.shown = PAGE;
  fillList();
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.person) showPerson(Number(button.dataset.person));
  if (button.dataset.do === "more") { list.shown += 4 * PAGE; fillList(); }
  if (button.dataset.do === "save-list") saveList();
  if (button.dataset.sort) {
    // Numbers and dates begin with the largest.
    list.down = list.sort === button.dataset.sort ? !list.down : !["id", "code"].includes(button.dataset.sort);
    list.sort = button.dataset.sort;
    fillList();
    document.querySelector(`[data-sort="${list.sort}"]`).focus();
  }
});
