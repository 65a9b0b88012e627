"use strict";
(() => {
  const CHUNK = 200;
  const FIRST_LESSON = 2;
  const table = document.getElementById("matrix");
  const body = table.tBodies[0];
  const headers = [...table.tHead.rows[0].cells];
  const labelOf = (cell) => cell.firstChild.data.trim();
  const labels = [...document.querySelectorAll("#legend td")].map(labelOf);
  const ranks = new Map(labels.map((label, rank) => [label, rank]));
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

  // What is sorted and filtered is read from the table once.
  const people = [...body.rows].map((row) => {
    const [name, number, ...lessons] = row.cells;
    return {
      row,
      name: name.firstChild.data,
      number: number.textContent,
      matches: true,
      text: `${name.textContent} ${number.textContent}`.toLocaleLowerCase(),
      ranks: Uint8Array.from(lessons, (cell) => ranks.get(labelOf(cell))),
    };
  });

  let sorted = people;
  let shown = people;
  let displayed = 0;

  // Of a lesson, people are in the order of the legend, and within a status in the order of the last date.
  function sortKey(column) {
    if (column === 0) return (person) => person.name;
    if (column === 1) return (person) => person.number;
    return ({ row, ranks }) => {
      const dates = row.cells[column].lastElementChild;
      return `${ranks[column - FIRST_LESSON]} ${dates ? dates.textContent.slice(-10) : ""}`;
    };
  }

  function compareKeys([one], [other]) {
    // People without an employee number come last.
    return !one - !other || collator.compare(one, other);
  }

  function element(name, properties, ...children) {
    const created = Object.assign(document.createElement(name), properties);
    created.append(...children);
    return created;
  }

  // Browsers need long to lay out 10,000 rows: on the screen they show some, and more when one scrolls.
  function show() {
    const fragment = document.createDocumentFragment();
    shown = sorted.filter((person) => person.matches);
    shown.forEach((person, index) => {
      person.row.classList.toggle("later", index >= CHUNK);
      fragment.append(person.row);
    });
    body.replaceChildren(fragment);
    countDisplayed(CHUNK);
  }

  function showMore() {
    for (const person of shown.slice(displayed, displayed + CHUNK)) person.row.classList.remove("later");
    countDisplayed(displayed + CHUNK);
  }

  function countDisplayed(count) {
    displayed = Math.min(count, shown.length);
    more.hidden = displayed === shown.length;
    more.textContent = `Show more (${displayed} of ${shown.length})`;
  }

  function sortBy(column) {
    const header = headers[column];
    const direction = header.ariaSort === "ascending" ? "descending" : "ascending";
    for (const other of headers) other.ariaSort = "none";
    header.ariaSort = direction;
    const keyOf = sortKey(column);
    const sign = direction === "ascending" ? 1 : -1;
    sorted = people.map((person) => [keyOf(person), person])
      .sort((one, other) => sign * compareKeys(one, other))
      .map(([, person]) => person);
    show();
  }

  function statusFilter(label) {
    const select = element("select", { ariaLabel: label });
    select.append(new Option("all", ""), ...labels.map((text, rank) => new Option(text, rank)));
    select.addEventListener("change", filter);
    return select;
  }

  function filter() {
    const words = search.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    const status = anyLesson.value === "" ? null : Number(anyLesson.value);
    const wanted = [...columnFilters].filter(([, select]) => select.value !== "")
      .map(([column, select]) => [column - FIRST_LESSON, Number(select.value)]);
    for (const person of people) {
      person.matches = words.every((word) => person.text.includes(word))
        && (status === null || person.ranks.includes(status))
        && wanted.every(([lesson, rank]) => person.ranks[lesson] === rank);
    }
    show();
    const isFiltered = words.length || status !== null || wanted.length;
    result.value = isFiltered ? `${shown.length} of ${people.length} people` : "";
  }

  function reset() {
    search.value = "";
    for (const select of [anyLesson, ...columnFilters.values()]) select.value = "";
    for (const header of headers) header.ariaSort = "none";
    sorted = people;
    filter();
  }

  const search = element("input", { type: "search" });
  const anyLesson = statusFilter("Status of any lesson");
  const result = element("output", {});
  const more = element("button", { type: "button", className: "more" });
  const columnFilters = new Map();
  let typing;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(filter, 150);
  });
  headers.forEach((header, column) => {
    const button = element("button", { type: "button" }, ...header.childNodes);
    button.addEventListener("click", () => sortBy(column));
    header.append(button);
    header.ariaSort = "none";
    if (column >= FIRST_LESSON) {
      columnFilters.set(column, statusFilter(`Status of ${button.firstChild.data}`));
      header.append(columnFilters.get(column));
    }
  });
  const clear = element("button", { type: "button" }, "Show all");
  clear.addEventListener("click", reset);
  const filters = element("div", { className: "filters" },
    element("label", {}, "Name, employee number or group", search),
    element("label", {}, "Status of any lesson", anyLesson),
    clear, result);
  filters.setAttribute("role", "search");
  table.before(filters);
  table.after(more);
  more.addEventListener("click", showMore);
  new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && showMore(),
    { rootMargin: "100%" }).observe(more);
  show();
  table.classList.add("ready");
})();
