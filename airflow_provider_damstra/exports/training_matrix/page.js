"use strict";
(() => {
  const table = document.getElementById("matrix");
  const body = table.tBodies[0];
  const headers = [...table.tHead.rows[0].cells];
  const firstLesson = headers.findIndex((header) => header.classList.contains("lesson"));
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
      text: `${name.textContent} ${number.textContent}`.toLocaleLowerCase(),
      ranks: Uint8Array.from(lessons, (cell) => ranks.get(labelOf(cell))),
    };
  });

  const compareTexts = (key) => (one, other) =>
    // People without an employee number come last.
    !one[key] - !other[key] || collator.compare(one[key], other[key]);
  const compareLessons = (column) => (one, other) =>
    one.ranks[column - firstLesson] - other.ranks[column - firstLesson]
    || compareDates(one.row.cells[column], other.row.cells[column]);
  const compareDates = (one, other) => {
    const [first, second] = [lastDate(one), lastDate(other)];
    return first < second ? -1 : Number(first > second);
  };
  const lastDate = (cell) => (cell.lastElementChild ? cell.lastElementChild.textContent.slice(-10) : "");

  function element(name, properties, ...children) {
    const created = Object.assign(document.createElement(name), properties);
    created.append(...children);
    return created;
  }

  function show(sorted) {
    body.replaceChildren();
    const fragment = document.createDocumentFragment();
    for (const person of sorted) fragment.append(person.row);
    body.append(fragment);
  }

  function sortBy(column) {
    const header = headers[column];
    const direction = header.ariaSort === "ascending" ? "descending" : "ascending";
    for (const other of headers) other.ariaSort = "none";
    header.ariaSort = direction;
    const compare = column < firstLesson || firstLesson < 0
      ? compareTexts(["name", "number"][column])
      : compareLessons(column);
    const sign = direction === "ascending" ? 1 : -1;
    show([...people].sort((one, other) => sign * compare(one, other)));
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
      .map(([column, select]) => [column - firstLesson, Number(select.value)]);
    let count = 0;
    for (const person of people) {
      const isShown = words.every((word) => person.text.includes(word))
        && (status === null || person.ranks.includes(status))
        && wanted.every(([lesson, rank]) => person.ranks[lesson] === rank);
      if (person.row.hidden === isShown) person.row.hidden = !isShown;
      count += isShown;
    }
    shown.value = words.length || status !== null || wanted.length
      ? `${count} of ${people.length} people shown` : "";
  }

  function reset() {
    search.value = "";
    for (const select of [anyLesson, ...columnFilters.values()]) select.value = "";
    for (const header of headers) header.ariaSort = "none";
    filter();
    show(people);
  }

  const search = element("input", { type: "search" });
  const anyLesson = statusFilter("Status of any lesson");
  const shown = element("output", {});
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
    if (header.classList.contains("lesson")) {
      columnFilters.set(column, statusFilter(`Status of ${button.firstChild.data}`));
      header.append(columnFilters.get(column));
    }
  });
  const clear = element("button", { type: "button" }, "Show all");
  clear.addEventListener("click", reset);
  const filters = element("div", { className: "filters" },
    element("label", {}, "Name, employee number or group", search),
    element("label", {}, "Status of any lesson", anyLesson),
    clear, shown);
  filters.setAttribute("role", "search");
  table.before(filters);
})();
