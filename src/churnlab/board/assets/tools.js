"use strict";
// What the other scripts share: the document, words, numbers by locale, elements made of text only.
const data = JSON.parse(document.getElementById("data").textContent);
const words = JSON.parse(document.getElementById("words").textContent);
const about = data.about;
const lang = about.lang;
const dates = lang === "en" ? "en-GB" : lang;

/** A sentence with its {gaps} filled; what is filled in is never read as markup. */
function t(key, values = {}) {
  if (!(key in words)) throw new Error(`no words for ${key}`);
  return words[key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

const formats = new Map();
function format(kind, options) {
  const key = kind + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl[kind](kind === "DateTimeFormat" ? dates : lang, options));
  return formats.get(key);
}
const none = "–";
const known = (value) => value !== null && value !== undefined;
/** A number in words of the locale; the minus is a sign, not a hyphen that a range could have. */
const number = (n, options) => format("NumberFormat", options).format(n).replace("-", "\u2212");
const count = (n, digits = 0) => (known(n) ? number(n, { maximumFractionDigits: digits }) : none);
const signed = (n) => number(n, { signDisplay: "exceptZero" });
const percent = (p, digits = 0) => {
  if (!known(p)) return none;
  // Nothing is certain: 99.9% does not become 100%, nor .1% nothing.
  const near = digits === 0 && p > 0 && p < 1 ? Math.min(Math.max(p, 0.01), 0.99) : p;
  return number(near, { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits });
};
function money(value, compact = false) {
  if (!known(value)) return none;
  const unit = about.currency ? { style: "currency", currency: about.currency, currencyDisplay: "narrowSymbol" } : {};
  const size = compact && Math.abs(value) >= 1e4
    ? { notation: "compact", maximumSignificantDigits: 3, useGrouping: "always" }
    : { maximumFractionDigits: Math.abs(value) >= 100 ? 0 : 2 };
  if (lang === "ko" && about.currency === "KRW") return `${number(value, size)}원`;
  return number(value, { ...unit, ...size, minimumFractionDigits: 0 });
}
const utc = { timeZone: "UTC" };
const parsed = (iso) => new Date(`${iso.slice(0, 10)}T00:00:00Z`);
const day = (iso) => (iso ? format("DateTimeFormat", { dateStyle: "medium", ...utc }).format(parsed(iso)) : none);
/** A day inside a sentence. */
const saidDay = (iso) => format("DateTimeFormat", { dateStyle: "long", ...utc }).format(parsed(iso));
const longDay = (iso) =>
  format("DateTimeFormat", { dateStyle: "full", ...utc }).format(parsed(iso));
const shortDay = (iso) =>
  format("DateTimeFormat", { day: "numeric", month: "short", ...utc }).format(parsed(iso));
const dayOfMonth = (iso) => String(parsed(iso).getUTCDate());
const weekday = (iso) => format("DateTimeFormat", { weekday: "short", ...utc }).format(parsed(iso));
const daysBetween = (from, to) => Math.round((parsed(to) - parsed(from)) / 864e5);
const plusDays = (iso, n) => new Date(parsed(iso).getTime() + n * 864e5).toISOString().slice(0, 10);

/** An element; children are elements or text, never markup. */
function el(tag, attributes = {}, ...children) {
  const node = tag.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4))
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || !known(value)) continue;
    node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter(known));
  return node;
}
const bdi = (text) => el("bdi", {}, text);
const body = (section) => document.querySelector(`#${section} > .body`);

/** Numbers as a small line; the last one is marked. */
function sparkline(values, label) {
  if (values.length < 2) return null;
  const top = Math.max(...values), low = Math.min(...values), span = top - low || 1;
  const points = values.map((v, i) => [2 + (i * 56) / (values.length - 1), 16 - ((v - low) / span) * 12]);
  const [x, y] = points.at(-1);
  return el("svg:svg", { class: "spark", viewBox: "0 0 60 20", role: "img", "aria-label": label },
    el("svg:polyline", { points: points.map((p) => p.join(",")).join(" ") }),
    el("svg:circle", { cx: x, cy: y, r: 2.2 }));
}

/** Text that a spreadsheet cannot take for a formula: as in exports, an apostrophe goes before it. */
const guarded = (value) => {
  const text = known(value) ? String(value) : "";
  const safe = typeof value === "string" && /^['=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};
function download(name, header, rows) {
  const text = [header, ...rows].map((row) => row.map(guarded).join(",")).join("\r\n");
  const url = URL.createObjectURL(new Blob(["\ufeff", text, "\r\n"], { type: "text/csv" }));
  el("a", { href: url, download: `${name}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** A slider with its name and value; `change` hears of every move. */
function slider(key, { label, value, min, max, step, show }, change) {
  const input = el("input", { type: "range", id: key, min, max, step, value });
  const output = el("output", { for: key }, show(value));
  input.value = value;
  input.addEventListener("input", () => {
    output.textContent = show(Number(input.value));
    change();
  });
  return { node: el("div", { class: "slider" }, el("label", { for: key }, label), output, input), get: () => Number(input.value) };
}
/** A round upper end and step for a slider around a value. */
function around(value) {
  const size = 10 ** Math.floor(Math.log10(value || 1));
  const max = Math.ceil((3 * value) / size) * size || 10;
  return { min: 0, max, step: size / 20 };
}
const absent = (part) =>
  part in data.absent ? el("p", { class: "absent" }, t(data.absent[part])) : null;
