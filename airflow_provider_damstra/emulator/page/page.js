// The page: its views, the clock, and the events that keep them current.

import { act, CONTROL, request, show } from "./control.js";
import { byId, element, field, format, MINUTE, soon, valuesOf } from "./elements.js";
import { addEntry, clearEntries, MAX_ENTRIES } from "./journal.js";
import { deliveries, VIEWS } from "./views.js";

const PAGE_SIZE = 50;
const place = { view: "schedules", offset: 0, query: {} };
let latest = 0;

function table(title, rows, columns) {
  const names = Object.keys(columns);
  const cells = (row) => names.map((name, index) => {
    const content = [columns[name](row)].flat().filter((part) => part !== null && part !== undefined);
    return element(index ? "td" : "th", index ? { "data-label": name } : { scope: "row" }, ...content);
  });
  return element("table", { "aria-label": title },
    element("thead", {}, element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...cells(row)))));
}

// Replace the rows, and keep the focus on the same button.
function showTables(tables) {
  const focused = byId("rows").contains(document.activeElement) ? document.activeElement.ariaLabel : null;
  byId("rows").replaceChildren(...tables.flatMap(([title, rows, columns]) => [
    tables.length > 1 ? element("h2", {}, title) : null,
    rows.length ? table(title, rows, columns) : element("p", {}, `No ${title.toLowerCase()}.`),
  ]).filter(Boolean));
  if (focused) [...byId("rows").querySelectorAll("button")].find((one) => one.ariaLabel === focused)?.focus();
}

async function refresh() {
  const number = ++latest;
  const view = VIEWS[place.view];
  try {
    if (view.load) {
      const tables = await view.load();
      if (number === latest) showTables(tables);
      return;
    }
    const query = { ...place.query, ...valuesOf(byId("search")), offset: place.offset, limit: PAGE_SIZE };
    const { results, total } = await request("GET", `${view.path}?${new URLSearchParams(query)}`);
    if (number !== latest) return;  // a later request has been sent meanwhile
    showTables([[view.title, results, view.columns]]);
    const last = place.offset + results.length;
    byId("range").value = total ? `${place.offset + 1} to ${last} of ${total}` : "";
    byId("previous").disabled = place.offset === 0;
    byId("next").disabled = last >= total;
  } catch (error) {
    show(`The emulator does not respond: ${error.message}`, "error");
  }
}

function openView() {
  const [name, query] = location.hash.slice(1).split("?");
  const player = /^player\/(\d+)/.exec(name);  // an embed URL
  const login = /^\/touch\/(\d+)/.exec(location.pathname);
  place.view = name in VIEWS ? name : "schedules";
  place.offset = 0;
  place.query = Object.fromEntries(new URLSearchParams(name in VIEWS ? query : ""));
  if (!name && login) place.query.user_id = login[1];
  const view = VIEWS[place.view];
  byId("views").replaceChildren(...Object.entries(VIEWS).map(([id, { title }]) =>
    element("a", { href: `#${id}`, ...(id === place.view ? { "aria-current": "page" } : {}) }, title)));
  byId("search").replaceChildren(...(view.path
    ? [field("Search", "q", "input", { type: "search", placeholder: view.hint, value: player?.[1] ?? "" }), ...(view.filters?.() ?? [])] : []));
  byId("forms").replaceChildren(...(view.forms?.() ?? []));
  byId("paging").hidden = !view.path;
  byId("rows").replaceChildren();
  refresh();
}

function turnPage(direction) {
  place.offset += direction * PAGE_SIZE;
  refresh();
}

// The clock goes on between two requests of it.
let offset = 0;
async function readClock() {
  try {
    const { now } = await request("GET", "/clock");
    offset = Date.parse(now) - Date.now();
    showClock();
  } catch (error) {
    show(`The clock cannot be read: ${error.message}`, "error");
  }
}
function showClock() {
  const now = new Date(Date.now() + offset);
  byId("now").dateTime = now.toISOString();
  byId("now").textContent = `${format(now, { ...MINUTE, weekday: "short", second: "2-digit" })} (Perth)`;
}

const refreshSoon = soon(refresh);

function listen() {
  const source = new EventSource(`${CONTROL}/events`);
  const on = (name, action) => source.addEventListener(name, (event) => action(event.data && JSON.parse(event.data)));
  const clearAll = () => { clearEntries(); deliveries.clear(); };
  source.onopen = () => {
    // The latest requests and deliveries follow.
    clearAll();
    byId("connection").textContent = "connected";
    readClock();
    refreshSoon();
  };
  source.onerror = () => { byId("connection").textContent = "disconnected, trying again"; };
  on("journal", (entry) => {
    addEntry(entry);
    if (entry.rowCount || (entry.fault && place.view === "faults")) refreshSoon();
  });
  on("delivery", (delivery) => {
    deliveries.set(delivery.id, delivery);
    if (deliveries.size > MAX_ENTRIES) deliveries.delete(deliveries.keys().next().value);
    if (place.view === "webhooks") refreshSoon();
  });
  on("change", () => { readClock(); refreshSoon(); });
  on("reset", clearAll);
  on("journal_cleared", clearEntries);
}

byId("search").addEventListener("submit", (event) => event.preventDefault());
byId("search").addEventListener("input", () => { place.offset = 0; refreshSoon(); });
byId("previous").addEventListener("click", () => turnPage(-1));
byId("next").addEventListener("click", () => turnPage(1));
for (const one of document.querySelectorAll("#clock [data-seconds]")) {
  one.addEventListener("click", () => act(one.textContent, "POST", "/clock/advance", { seconds: Number(one.dataset.seconds) }));
}
byId("reset-open").addEventListener("click", () => { byId("reset").returnValue = ""; byId("reset").showModal(); });
byId("reset").addEventListener("close", () => {
  if (byId("reset").returnValue === "reset") act("Reset", "POST", "/reset");
});
addEventListener("hashchange", openView);
setInterval(showClock, 1000);
document.addEventListener("changed", refresh);
openView();
listen();
