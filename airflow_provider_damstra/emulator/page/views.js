// What each view lists, and what can be done there.

import { act, addForm, button, request } from "./control.js";
import { byId, day, element, field, minute, options, status, withId, ZONE_OFFSET } from "./elements.js";

function openMove(row) {
  const dialog = byId("move");
  byId("move-title").textContent = `Move lesson schedule ${row.id} of ${row.userName}`;
  byId("move-start").value = new Date(Date.parse(row.startDate) + 8 * 3_600_000).toISOString().slice(0, 16);
  dialog.returnValue = "";
  dialog.onclose = () => {
    if (dialog.returnValue !== "move") return;
    const scheduleDate = `${byId("move-start").value}:00${ZONE_OFFSET}`;
    act(`Move lesson schedule ${row.id}`, "POST", `/lesson_schedules/${row.id}/reschedule`, { scheduleDate });
  };
  dialog.showModal();
}

const scheduleActions = (row) => {
  if (["completed", "cancelled"].includes(row.status)) return null;
  const name = `lesson schedule ${row.id}`;
  const post = (label, action, body) =>
    button(label, name, () => act(`${label} ${name}`, "POST", `/lesson_schedules/${row.id}/${action}`, body));
  return element("div", { className: "actions" },
    row.startedDate ? null : post("Start", "start"),
    post("Complete", "complete", { passed: true }),
    post("Fail", "complete", { passed: false }),
    post("Cancel", "cancel"),
    button("Move", name, () => openMove(row)));
};

const sessionActions = (row) => row.status !== "active" ? null : element("div", { className: "actions" },
  ...["Complete", "Cancel"].map((label) => button(label, `session ${row.id}`,
    () => act(`${label} session ${row.id}`, "POST", `/ilt_sessions/${row.id}/${label.toLowerCase()}`))));

const result = (row) => row.status !== "completed" ? "" : row.passed ? " passed" : " failed";
export const deliveries = new Map();
export const VIEWS = {
  schedules: {
    title: "Schedules",
    hint: "Person, lesson or id",
    path: "/lesson_schedules",
    filters: () => [field("Status", "status", "select", {},
      ...options(["open", "all", "scheduled", "due", "overdue", "completed", "cancelled"]))],
    columns: {
      Person: (row) => withId(row.userName, row.userId),
      Lesson: (row) => [row.lessonName, element("small", {}, `schedule ${row.id}`)],
      Status: (row) => [status(row.status + result(row), row.status === "completed" && !row.passed ? "failed" : row.status),
        row.startedDate && row.status !== "completed" ? element("small", {}, "started") : null],
      Dates: (row) => [`${day(row.startDate)} \u2013 ${day(row.endDate)}`,
        row.completedDate ? element("small", {}, `completed ${minute(row.completedDate)}`) : null],
      Actions: scheduleActions,
    },
  },
  people: {
    title: "People",
    hint: "Name, e-mail, employee number or id",
    path: "/users",
    columns: {
      Name: (row) => withId(row.name || row.userName, row.id),
      "User name": (row) => [row.userName, element("small", {}, row.emailAddress)],
      Number: (row) => row.employeeNumber,
      Groups: (row) => row.groups,
      Status: (row) => row.active ? status("active") : status("inactive"),
      Schedules: (row) => element("a", { href: `#schedules?user_id=${row.id}` }, `${row.openSchedules} open`),
    },
  },
  lessons: {
    title: "Lessons",
    hint: "Name, status or id",
    path: "/lessons",
    columns: {
      Lesson: (row) => withId(row.name, row.lessonId),
      Version: (row) => withId(String(row.version), row.lessonVersionId),
      Status: (row) => status(row.status),
      Kind: (row) => row.instructorLed ? "instructor-led" : "online",
      Minutes: (row) => String(row.minutes),
      Schedules: (row) => `${row.openSchedules} open`,
    },
  },
  sessions: {
    title: "Sessions",
    hint: "Lesson, instructor, location or id",
    path: "/ilt_sessions",
    columns: {
      Session: (row) => withId(row.lessonName, row.id),
      Instructor: (row) => [row.instructorName, element("small", {}, row.location)],
      Time: (row) => [minute(row.startDate), element("small", {}, `until ${minute(row.endDate)}`)],
      Status: (row) => status(row.status === "active" ? row.state : row.status),
      Attendees: (row) => `${row.attendees}${row.places === null ? "" : ` of ${row.places}`}`,
      Actions: sessionActions,
    },
  },
  webhooks: {
    title: "Webhooks",
    forms: () => [addForm("Add webhook", (values) => act("Add webhook", "POST", "/webhooks", values),
      field("URL", "url", "input", { type: "url", required: true }),
      field("Event", "event", "input", { placeholder: "all events" }))],
    load: async () => [
      ["Webhooks", await request("GET", "/webhooks"), {
        URL: (row) => row.url,
        Event: (row) => row.event ?? "all events",
        Actions: (row) => element("div", { className: "actions" }, button("Delete", `webhook ${row.id}`,
          () => act(`Delete webhook ${row.id}`, "DELETE", `/webhooks/${row.id}`))),
      }],
      ["Deliveries", [...deliveries.values()].reverse(), {
        Event: (row) => [row.event, element("small", {}, row.url)],
        Body: (row) => element("code", {}, JSON.stringify(row.body)),
        Status: (row) => status(row.state),
        Attempts: (row) => [String(row.attempts), element("small", {}, row.last ?? "")],
      }],
    ],
  },
  faults: {
    title: "Faults",
    forms: () => [addForm("Add fault", (values) => act("Add fault", "POST", "/faults", values),
      field("Kind", "kind", "select", {}, ...options(["status", "delay", "drop_before", "drop_after", "truncate", "html"])),
      field("Method", "method", "select", {}, ...options(["GET", "POST", "PUT", "PATCH", "DELETE"], "all")),
      field("Path", "path", "input", { placeholder: "/user/*/lesson_schedule" }),
      field("HTTP status", "status", "input", { type: "number", min: 200, max: 599 }),
      field("Delay in seconds", "delay", "input", { type: "number", min: 0, step: "any" }),
      field("Requests", "count", "input", { type: "number", min: 1 }),
      field("Probability", "probability", "input", { type: "number", min: 0, max: 1, step: "any" })),
    button("Clear", "all faults", () => act("Clear faults", "DELETE", "/faults"))],
    load: async () => [["Faults", await request("GET", "/faults"), {
      Kind: (row) => status(row.kind, "warning"),
      Requests: (row) => `${row.method ?? "all methods"} ${row.path ?? "all paths"}`,
      Effect: (row) => [row.status && `HTTP ${row.status}`, row.delay && `${row.delay} s`].filter(Boolean).join(", "),
      Limit: (row) => [row.count && `${row.count} requests`, row.probability !== undefined && `probability ${row.probability}`]
        .filter(Boolean).join(", ") || "none",
      Hits: (row) => String(row.hits),
    }]],
  },
};
