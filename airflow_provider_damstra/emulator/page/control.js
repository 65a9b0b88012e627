// Requests of the control plane, and the buttons and forms that send them.

import { byId, element, valuesOf } from "./elements.js";

export const CONTROL = "/_emulator";
const TIMEOUT_MILLISECONDS = 30_000;

export async function request(method, path, body) {
  const response = await fetch(CONTROL + path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
  });
  const text = await response.text();
  if (response.ok) return text ? JSON.parse(text) : null;
  let problem = text;
  try {
    const { error, message } = JSON.parse(text);
    problem = message || error;
  } catch {
    // a text that is not JSON is shown as it is
  }
  throw new Error(problem || `HTTP ${response.status}`);
}

export function show(text, kind) {
  byId("message").textContent = text;
  byId("message").className = kind;
}

export async function act(description, method, path, body) {
  try {
    await request(method, path, body);
    show(`${description}: done`, "done");
    document.dispatchEvent(new Event("changed"));
  } catch (error) {
    show(`${description}: ${error.message}`, "error");
  }
}

export function button(label, subject, action) {
  const created = element("button", { type: "button", "aria-label": `${label} ${subject}` }, label);
  created.addEventListener("click", action);
  return created;
}

export function addForm(title, submit, ...fields) {
  const form = element("form", { "aria-label": title }, ...fields, element("button", {}, title));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(valuesOf(form));
    form.reset();
  });
  return form;
}
