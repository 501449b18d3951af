"use strict";

const page = JSON.parse(document.getElementById("data").textContent);
const boxes = [...document.querySelectorAll("input[name=class]")];
const colours = Object.fromEntries(boxes.map((box) => [box.value, box.dataset.colour]));
const views = [];

/** Columns of equal length as rows, each with its class's colour. */
function rowsOf(columns) {
  const names = Object.keys(columns);
  const length = names.length ? columns[names[0]].length : 0;
  return Array.from({ length }, (_, row) => {
    const found = Object.fromEntries(names.map((name) => [name, columns[name][row]]));
    return { colour: colours[found.class] ?? page.colours[0], ...found };
  });
}

async function draw(element) {
  const chart = page.charts[element.dataset.chart];
  const spec = structuredClone(page.drawings[chart.drawing]);
  spec.description = chart.about;
  spec.data = { values: rowsOf(chart.columns) };
  spec.height = chart.height;
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

/** A chart that can be zoomed is so by keys too: + and -, arrows, and 0 for all of it. */
function movedByKeys(element, view) {
  const name = Object.keys(view.getState().signals).find((signal) => signal === "zoom_x");
  if (!name) return;
  element.tabIndex = 0;
  element.setAttribute("role", "group");
  element.setAttribute("aria-keyshortcuts", "+ - ArrowLeft ArrowRight 0");
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
