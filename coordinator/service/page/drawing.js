// Draws a ranking, a match and a map. Whatever came from elsewhere is set as text, never as HTML.

const SVG = "http://www.w3.org/2000/svg";
const percent = (value) => {
  const share = 100 * value;
  if (share !== 0 && share < 0.5) return "< 1 %";
  if (share !== 100 && share > 99.5) return "> 99 %";
  return `${share.toFixed(0)} %`;
};

/** An element with text and attributes. */
export function make(tag, text = "", attributes = {}) {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function draw(tag, attributes, title = "") {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (title) {
    const told = document.createElementNS(SVG, "title");
    told.textContent = title;
    element.append(told);
  }
  return element;
}

/** Fill the table with the first `count` rows. */
export function drawRows(table, ranking, count) {
  const rows = ranking.models;
  const first = rows[0];
  const accuracy = ranking.unit === "accuracy";
  const names = ["Rank", "Model", accuracy ? "Accuracy" : "Score"];
  const level = `${Math.round(100 * ranking.confidence)} % interval`;
  if (first.low !== null) names.push(level, "");
  if (first.best_probability !== null) names.push("Best with");
  if (first.tier !== null) names.push("Group");
  names.push("Known by");
  const head = make("tr");
  head.append(...names.map((name) => make("th", name, { scope: "col" })));
  table.tHead.replaceChildren(head);
  const ends = accuracy ? [0, 1] : [
    Math.min(...rows.map((row) => row.low ?? row.score)),
    Math.max(...rows.map((row) => row.high ?? row.score)),
  ];
  table.tBodies[0].replaceChildren(
    ...rows.slice(0, count).map((row) => rowOf(row, first, level, ends)),
  );
}

function rowOf(row, first, level, [low, high]) {
  const line = make("tr");
  if (row.tied_with_best) line.className = "tied";
  line.append(
    make("td", row.rank, { class: "right" }),
    make("th", row.model, { scope: "row" }),
    make("td", row.score.toFixed(3), { class: "right strong" }),
  );
  if (first.low !== null) {
    const place = (value) => `${(100 * (value - low)) / (high - low || 1)}%`;
    const span = make("span", "", { class: "span", "aria-hidden": "true" });
    const range = make("i");
    range.style.left = place(row.low);
    range.style.right = `calc(100% - ${place(row.high)})`;
    const point = make("b");
    point.style.left = place(row.score);
    span.append(range, point);
    const cell = make("td", "", { class: "wide drawn" });
    cell.append(span);
    line.append(
      make("td", `${row.low.toFixed(3)} to ${row.high.toFixed(3)}`, { class: "wide", "data-name": level }),
      cell,
    );
  }
  if (first.best_probability !== null) {
    line.append(make("td", percent(row.best_probability), { class: "right named", "data-name": "Best with" }));
  }
  if (first.tier !== null) line.append(make("td", row.tier, { class: "right named", "data-name": "Group" }));
  line.append(make("td", row.was_run ? "was run" : "specification", { class: "named", "data-name": "Known by" }));
  return line;
}

/** Draw which classes were matched, as a table of shades; returns it in words. */
export function drawMatch(table, match) {
  const most = 24;
  const best = match.model_classes.map((_, column) => Math.max(...match.weights.map((row) => row[column + 1])));
  const shown = best.map((weight, column) => [weight, column + 1])
    .sort((a, b) => b[0] - a[0]).slice(0, most).map(([, column]) => column).sort((a, b) => a - b);
  const columns = [0, ...shown];
  const head = make("tr");
  head.append(make("td"), ...columns.map((column) => (
    make("th", match.columns[column].replaceAll("/", "/\u200b"), { scope: "col", class: column ? "" : "none" }))));
  const body = match.weights.map((weights, row) => {
    const line = make("tr");
    line.append(make("th", match.task_classes[row], { scope: "row" }));
    for (const column of columns) {
      const weight = weights[column];
      const cell = make("td", weight < 0.005 ? "" : Math.round(100 * weight), { class: column ? "" : "none" });
      cell.style.backgroundColor = `rgba(var(--heat), ${(0.75 * weight).toFixed(3)})`;
      line.append(cell);
    }
    return line;
  });
  const thead = make("thead");
  const tbody = make("tbody");
  thead.append(head);
  tbody.append(...body);
  table.replaceChildren(thead, tbody);
  const left = match.model_classes.length - shown.length;
  const words = match.matches.map((own) => (
    `${own.task_class}: ${own.model_class ?? "none of the model's classes"} (${percent(own.weight)})`));
  return `${words.join("; ")}.${left ? ` ${left} classes that get little are not drawn.` : ""}`;
}

/** Draw the task among models; returns it in words. */
export function drawMap(plot, map, ranking) {
  const tied = new Set(ranking.models.filter((row) => row.tied_with_best).map((row) => row.model));
  const best = ranking.models[0].model;
  const { x, y } = map.task;
  const points = [...map.models].sort((a, b) => b.rank - a.rank).map((own) => {
    const kind = tied.has(own.model) ? "tied" : "model";
    const first = own.model === best ? " first" : "";
    return draw("circle", { cx: own.x, cy: own.y, r: kind === "tied" ? 0.024 : 0.017, class: kind + first },
      `${own.model}: rank ${own.rank}, cosine ${own.cosine.toFixed(2)}`);
  });
  const task = draw("path", { d: `M${x} ${y - 0.04}l.04 .04l-.04 .04l-.04 -.04z`, class: "task" }, "your task");
  const label = draw("text", { x: x + 0.06, y: y + 0.02 });
  label.textContent = "your task";
  plot.replaceChildren(...points, task, label);
  const near = [...map.models].sort((a, b) => b.cosine - a.cosine).slice(0, 5);
  const told = near.map((own) => `${own.model} (${own.cosine.toFixed(2)})`).join(", ");
  const left = map.left_out ? ` ${map.left_out} of the models are not drawn.` : "";
  return `Nearest by the metric, with the cosine of the angle: ${told}.${left}`;
}
