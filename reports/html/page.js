"use strict";

const page = JSON.parse(document.getElementById("data").textContent);
const boxes = [...document.querySelectorAll("input[name=class]")];
const views = [];

/** Columns of equal length as rows, each with its class's colour. */
function rowsOf(columns) {
  const lists = Object.entries(columns).map(([name, column]) => [
    name,
    Array.isArray(column) ? column : column.at.map((place) => column.of[place]),
  ]);
  const length = lists.length ? lists[0][1].length : 0;
  return Array.from({ length }, (_, row) => {
    const found = Object.fromEntries(lists.map(([name, list]) => [name, list[row]]));
    return { colour: page.colours[found.class] ?? "currentColor", ...found };
  });
}

async function draw(element) {
  const chart = page.charts[element.dataset.chart];
  const spec = structuredClone(page.drawings[chart.drawing]);
  spec.description = chart.about;
  spec.data = { values: rowsOf(chart.columns) };
  spec.height = chart.height;
  spec.params.push({ name: "edges", value: chart.edges });
  const drawn = await vegaEmbed(element, spec, {
    config: page.config,
    ast: true, // no code is made out of text, so the page can forbid all scripts but its own
    actions: false,
    logLevel: 1, // errors: that a hidden class leaves a scale empty is none
    renderer: "svg",
    tooltip: { disableDefaultStyle: true },
  });
  views.push(drawn.view);
  movedByKeys(element, drawn.view);
}

// By which shares of its width a key moves the left and the right end of an axis.
const KEYS = {
  "+": [0.1, -0.1], "=": [0.1, -0.1], "-": [-0.125, 0.125],
  ArrowLeft: [-0.1, -0.1], ArrowRight: [0.1, 0.1],
};

/** A chart that can be zoomed is so by keys too: + and -, arrows, and 0 for all of it. */
function movedByKeys(element, view) {
  const own = /^zoom_(?!tuple|translate|zoom|modify)/;
  const name = Object.keys(view.getState().signals).find((signal) => own.test(signal));
  if (!name) return;
  element.tabIndex = 0;
  element.setAttribute("aria-keyshortcuts", "+ - ArrowLeft ArrowRight 0");
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key !== "0" && !KEYS[event.key]) return;
    event.preventDefault();
    const axis = view.scale("x");
    const [left, right] = axis.range();
    const moved = (KEYS[event.key] ?? []).map((share, end) =>
      Number(axis.invert([left, right][end] + share * (right - left))));
    view.signal(name, event.key === "0" ? null : moved).runAsync();
  });
}

function hideClasses() {
  const hidden = boxes.filter((box) => !box.checked).map((box) => box.value);
  return Promise.all(views.map((view) => view.signal("hidden", hidden).runAsync()));
}

/** What is folded is printed too. */
function unfold() {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
}

async function main() {
  for (const element of document.querySelectorAll("[data-chart]")) await draw(element);
  for (const box of boxes) box.addEventListener("change", hideClasses);
  addEventListener("beforeprint", unfold);
  document.documentElement.dataset.drawn = String(views.length);
}

main();
