// The live journal: the latest requests, which can be filtered, paused and cleared.

import { act } from "./control.js";
import { byId, element, minute, soon, status } from "./elements.js";

export const MAX_ENTRIES = 200;

const statusKind = (code) => code === null || code >= 500 ? "error" : code >= 400 ? "warning" : "ok";

function journalEntry(entry) {
  const query = new URLSearchParams(entry.query).toString();
  const details = [
    query && `query  ${query}`,
    entry.body !== null && `body   ${typeof entry.body === "string" ? entry.body : JSON.stringify(entry.body, null, 1)}`,
    ...entry.rows.map((row) => `${row.action}  ${row.table} ${JSON.stringify(row.id)}`),
    entry.rowCount > entry.rows.length && `and ${entry.rowCount - entry.rows.length} more rows`,
  ].filter(Boolean);
  const summary = element("summary", {},
    status(entry.status === null ? "none" : String(entry.status), statusKind(entry.status)), " ",
    element("span", { className: "method" }, entry.method), " ", element("code", {}, entry.path), " ",
    entry.fault && status(`fault: ${entry.fault}`, "warning"),
    element("small", {}, ` ${minute(entry.time)}${entry.rowCount ? `, ${entry.rowCount} ${entry.rowCount === 1 ? "row" : "rows"} changed` : ""}`));
  const item = element("li", {}, element("details", {}, summary, element("pre", {}, details.join("\n") || "no query, no body")));
  item.text = `${entry.method} ${entry.path} ${query} ${entry.status} ${entry.fault ?? ""}`.toLowerCase();
  return item;
}

let waiting = [];
let entries = [];
function showEntries() {
  if (byId("journal-paused").checked) return;
  const words = byId("journal-filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const added = waiting.reverse().map(journalEntry);
  waiting = [];
  byId("entries").prepend(...added);
  for (const old of entries.splice(MAX_ENTRIES - added.length)) old.remove();
  entries = [...added, ...entries];
  for (const item of entries) item.hidden = !words.every((word) => item.text.includes(word));
}

export function clearEntries() {
  waiting = [];
  entries = [];
  byId("entries").replaceChildren();
}

const showEntriesSoon = soon(showEntries);

export function addEntry(entry) {
  waiting = [...waiting, entry].slice(-MAX_ENTRIES);
  showEntriesSoon();
}

byId("journal-filter").addEventListener("input", showEntriesSoon);
byId("journal-paused").addEventListener("change", showEntries);
byId("journal-clear").addEventListener("click", () => act("Clear journal", "DELETE", "/journal"));
