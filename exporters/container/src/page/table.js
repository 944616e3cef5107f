let last;
let order = { column: 0, descending: false };
// What has been shown stays where it is, so that a screen reader keeps its place: rows by
// container or project, bodies of the table by project.
let shown = new Map();

function sortBy(column, descending) {
  order = { column, descending };
  byId("order").value = String(column);
  document.querySelectorAll("#containers thead th").forEach((heading, index) => {
    const direction = descending ? "descending" : "ascending";
    heading.setAttribute("aria-sort", index === column ? direction : "none");
  });
  show();
}

function compare(a, b) {
  const key = COLUMNS[order.column][2];
  const [x, y] = [key(a), key(b)];
  // What is unknown stands last in both directions.
  const missing = (value) => value === undefined || Number.isNaN(value);
  if (missing(x) || missing(y)) return missing(x) - missing(y) || a.name.localeCompare(b.name);
  const difference = typeof x === "string" ? x.localeCompare(y) : x - y;
  return (order.descending ? -difference : difference) || a.name.localeCompare(b.name);
}

function makeRow(scope) {
  const row = document.createElement("tr");
  row.setAttribute("role", "row");
  COLUMNS.forEach(([title, isNumber], index) => {
    const cell = document.createElement(index ? "td" : "th");
    cell.dataset.title = title;
    cell.setAttribute("role", index ? "cell" : "rowheader");
    if (!index) cell.scope = scope;
    if (isNumber) cell.className = "number";
    row.append(cell);
  });
  return row;
}

// Writes the cells whose content has changed.
function fill(row, content) {
  COLUMNS.forEach((column, index) => {
    const fresh = document.createElement("td");
    fresh.append(...content(column));
    const cell = row.cells[index];
    if (cell.innerHTML === fresh.innerHTML) return;
    cell.classList.toggle("unknown", fresh.textContent === "–");
    cell.replaceChildren(...fresh.childNodes);
  });
  return row;
}

// Puts the nodes into their place unless they are there.
function arrange(parent, nodes) {
  const isSame = parent.children.length === nodes.length
    && nodes.every((node, index) => parent.children[index] === node);
  if (!isSame) parent.replaceChildren(...nodes);
  return parent;
}

function makeBody() {
  const body = document.createElement("tbody");
  body.setAttribute("role", "rowgroup");
  return body;
}

function show() {
  if (!last) return;
  const all = [...last.containers.values()];
  const word = byId("filter").value.toLowerCase();
  const found = all.filter((c) => `${c.name} ${c.image} ${c.project}`.toLowerCase().includes(word));
  const hasProjects = all.some((c) => c.project);
  byId("grouping").hidden = !hasProjects;
  const isGrouped = hasProjects && byId("grouped").checked;
  const groups = new Map();
  for (const container of found.sort(compare)) {
    const project = isGrouped ? container.project : "";
    if (!groups.has(project)) groups.set(project, []);
    groups.get(project).push(container);
  }
  // Those of no project stand last.
  const projects = [...groups.keys()].sort((a, b) => !a - !b || a.localeCompare(b));
  const before = shown;
  shown = new Map();
  const keep = (key, make) => {
    shown.set(key, before.get(key) ?? make());
    return shown.get(key);
  };
  const bodies = projects.map((project) => {
    const members = groups.get(project);
    const rows = members.map((container) => fill(
      keep(`container ${container.id}`, () => makeRow("row")),
      ([, , , content]) => content(container)));
    const body = keep(`body ${project}`, makeBody);
    if (!isGrouped) return arrange(body, rows);
    const heading = keep(`project ${project}`, () => makeRow("rowgroup"));
    heading.classList.add("project");
    const title = project ? `Project ${project}` : "Without a project";
    fill(heading, ([, , , , total]) => total(members, title));
    return arrange(body, [heading, ...rows]);
  });
  arrange(byId("containers"), [byId("containers").tHead, ...bodies]);
  summarise(all);
}

function summarise(all) {
  const parts = [containersOf(all.length)];
  if (all.some((c) => c.state)) parts.push(`${count(all, isRunning)} running`);
  const ill = count(all, isIll);
  if (ill) parts.push(`${ill} unhealthy`);
  if (last.runtime === 0) parts.push("the container runtime does not answer");
  const text = parts.join(", ");
  if (byId("summary").textContent !== text) byId("summary").textContent = text;
}

async function refresh() {
  try {
    const answer = await fetch(source, { cache: "no-store" });
    if (!answer.ok) throw new Error(`${metrics} answers with status ${answer.status}`);
    const sample = read(await answer.text(), performance.now());
    addRates(sample, last);
    addPoints(sample, last);
    last = sample;
    byId("error").hidden = true;
    show();
  } catch (error) {
    byId("error").textContent = `No new sample: ${error.message}`;
    byId("error").hidden = false;
  }
}

async function run() {
  // A page that nobody sees costs nothing.
  const isFirst = !last;
  if (!document.hidden && !isPaused()) await refresh();
  // The second sample follows soon, for the first rates.
  setTimeout(run, isFirst && last ? 1000 : PERIOD_MS);
}

COLUMNS.forEach(([title, isNumber], column) => {
  const heading = document.createElement("th");
  heading.scope = "col";
  heading.setAttribute("role", "columnheader");
  if (isNumber) heading.className = "number";
  const button = document.createElement("button");
  button.textContent = title;
  button.onclick = () => sortBy(column, order.column === column ? !order.descending : isNumber);
  heading.append(button);
  document.querySelector("#containers thead tr").append(heading);
  const word = column ? title === "CPU" ? title : title.toLowerCase() : "name";
  byId("order").append(new Option(`Sort by ${word}`, String(column)));
});
byId("order").onchange = (event) => sortBy(Number(event.target.value), COLUMNS[event.target.value][1]);
byId("filter").oninput = show;
byId("grouped").onchange = show;
document.addEventListener("visibilitychange", () => { if (!document.hidden && !isPaused()) refresh(); });
byId("live").hidden = false;
sortBy(0, false);
run();
