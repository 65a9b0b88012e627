// Elements of pages, and texts for dates.

export const ZONE = "Australia/Perth";
export const ZONE_OFFSET = "+08:00";
export const DAY = { timeZone: ZONE, day: "numeric", month: "short", year: "numeric" };
export const MINUTE = { ...DAY, hour: "2-digit", minute: "2-digit", hour12: false };
export const byId = (id) => document.getElementById(id);

// Names in the store are untrusted: they are only ever texts of elements.
export function element(name, properties = {}, ...children) {
  const created = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-")) created.setAttribute(key, value);
    else created[key] = value;
  }
  created.append(...children.filter((child) => child !== null && child !== undefined));
  return created;
}

export const format = (iso, options) => iso ? new Intl.DateTimeFormat("en-AU", options).format(new Date(iso)) : "";
export const day = (iso) => format(iso, DAY);
export const minute = (iso) => format(iso, MINUTE);
export const status = (text, kind = text) => element("span", { className: `status ${kind}` }, text);
export const withId = (text, id) => [text, element("small", {}, `id ${id}`)];

export function field(label, name, control, properties = {}, ...children) {
  return element("label", {}, label, element(control, { name, ...properties }, ...children));
}

export const options = (names, first) => [...(first ? [new Option(first, "")] : []), ...names.map((name) => new Option(name, name))];

// The values of a form that are filled in, numbers as numbers.
export function valuesOf(form) {
  const filled = [...form.elements].filter((control) => control.name && control.value !== "");
  return Object.fromEntries(filled.map(({ name, type, value }) => [name, type === "number" ? Number(value) : value]));
}

// A burst of events causes one update.
export function soon(action) {
  let timer = null;
  return () => {
    timer ??= setTimeout(() => { timer = null; action(); }, 150);
  };
}
