function bytes(value) {
  if (!(value >= 0)) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  // What would be rounded to 1024 is one of the next.
  while (value >= 1023.5 && unit < units.length - 1) { value /= 1024; unit += 1; }
  return `${value.toFixed(value < 10 && unit > 0 ? 1 : 0)} ${units[unit]}`;
}
const perSecond = (value) => (value >= 0 ? `${bytes(value)}/s` : "–");
const percent = (value) => (value >= 0 ? `${(value * 100).toFixed(1)} %` : "–");
const whole = (value) => (value >= 0 ? String(value) : "–");

function element(name, text, kind = "") {
  const made = document.createElement(name);
  made.className = kind;
  made.textContent = text;
  return made;
}
const badge = (text, kind) => element("span", text, `badge ${kind}`);
const small = (text) => element("small", text);

// A line of the last minutes, from zero to the most that was seen; its words tell the same.
function line(container, key, title, show, least) {
  const points = container.points.filter((point) => point[key] >= 0);
  if (points.length < 2) return [];
  const now = container.points.at(-1).time;
  const values = points.map((point) => point[key]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const most = Math.max(high, least);
  const seconds = Math.round((now - points[0].time) / 1000);
  const span = seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  let path = "";
  points.forEach((point, index) => {
    const x = 100 - (now - point.time) / WINDOW_MS * 100;
    const y = 22 - point[key] / most * 20;
    const isJoined = index > 0 && point.time - points[index - 1].time <= GAP_MS;
    // A line of no length is a dot where no other point follows.
    path += isJoined ? `L${x.toFixed(1)} ${y.toFixed(1)}` : `M${x.toFixed(1)} ${y.toFixed(1)}h0`;
  });
  const make = (name) => document.createElementNS("http://www.w3.org/2000/svg", name);
  const [picture, words, stroke] = ["svg", "title", "path"].map(make);
  picture.setAttribute("class", "line");
  picture.setAttribute("viewBox", "0 0 100 24");
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("role", "img");
  words.textContent = `${title} in the last ${span}: ${show(low)} to ${show(high)}`;
  stroke.setAttribute("d", path);
  picture.append(words, stroke);
  return [picture];
}

const HEALTH = { healthy: "good", starting: "warn", unhealthy: "bad" };
const STATE = { running: "good", paused: "warn", created: "warn", restarting: "bad", dead: "bad" };

function memory(container) {
  if (!(container.memory >= 0)) return ["–"];
  const parts = [bytes(container.memory)];
  if (container.room) {
    const meter = document.createElement("meter");
    const share = `${(container.share * 100).toFixed(0)} % of the limit`;
    Object.assign(meter, { min: 0, max: 1, low: 0.75, high: 0.9, optimum: 0, title: share });
    meter.value = container.share;
    meter.setAttribute("aria-label", share);
    parts.push(` of ${bytes(container.room)}`, meter);
  } else {
    parts.push(small("no limit"));
  }
  return [...parts, ...line(container, "memory", "Memory", bytes, 1)];
}

function state(container) {
  if (!container.state) return ["–"];
  const failed = container.state === "exited" && container.exit > 0;
  const parts = [badge(container.state, failed ? "bad" : STATE[container.state] ?? "")];
  const hasCode = container.state === "exited" && container.exit >= 0;
  return hasCode ? [...parts, ` code ${container.exit}`] : parts;
}

const count = (containers, test) => containers.filter(test).length;
const isRunning = (container) => container.state === "running";
const isIll = (container) => container.health === "unhealthy";
const containersOf = (number) => `${number} container${number === 1 ? "" : "s"}`;

// The sum of what is known; nothing is known of a project without any.
function sum(containers, key) {
  const values = containers.map((container) => container[key]).filter((value) => value >= 0);
  return values.length ? values.reduce((a, b) => a + b) : undefined;
}

// Heading, whether it is a number, what to sort by, what to show, what to show of a project.
const COLUMNS = [
  ["Container", false, (c) => c.name, (c) => [c.name, small(c.image)],
    (all, title) => [title, small(containersOf(all.length))]],
  ["State", false, (c) => c.state, state, (all) => [all.some((c) => c.state)
    ? `${count(all, isRunning)} running` : "–"]],
  ["Health", false, (c) => c.health, (c) => (HEALTH[c.health] ? [badge(c.health, HEALTH[c.health])] : ["–"]),
    (all) => [count(all, isIll) ? `${count(all, isIll)} unhealthy` : "–"]],
  ["CPU", true, (c) => c.cpu, (c) => [percent(c.cpu), ...line(c, "cpu", "CPU", percent, 0.01)],
    (all) => [percent(sum(all, "cpu"))]],
  ["Memory", true, (c) => c.memory, memory, (all) => [bytes(sum(all, "memory"))]],
  ["Received", true, (c) => c.receiving, (c) => [perSecond(c.receiving)],
    (all) => [perSecond(sum(all, "receiving"))]],
  ["Sent", true, (c) => c.sending, (c) => [perSecond(c.sending)],
    (all) => [perSecond(sum(all, "sending"))]],
  ["Restarts", true, (c) => c.restarts, (c) => [whole(c.restarts)],
    (all) => [whole(sum(all, "restarts"))]],
];
