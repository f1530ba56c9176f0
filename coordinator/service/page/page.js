import * as service from "./service.js";
import { byClass, isZip, ofDrop, ofInput } from "./files.js";
import { drawMap, drawMatch, drawRows, make } from "./drawing.js";

const ROWS = 30;
const THUMBS = 12;
const at = (id) => document.getElementById(id);
const needsKey = document.documentElement.dataset.key === "yes";

let chosen = [];
let found = null; // what the service said of the images
let match = null;
let links = [];

function say(text) {
  at("status").textContent = text;
}

function complain(error) {
  at("problem").textContent = error ? error.message : "";
  at("problem").hidden = !error;
  if (error) say("");
}

// Choosing.

function show(files) {
  complain(null);
  chosen = files;
  for (const link of links) URL.revokeObjectURL(link);
  links = [];
  if (!files.length) {
    complain(new Error("There is no image in it: give PNG, JPEG or BMP files, a folder for each class."));
    return;
  }
  const groups = isZip(files) ? [] : byClass(files);
  const loose = groups.some(([name]) => !name);
  at("chosen-title").textContent = isZip(files)
    ? `A zip archive, ${size(files[0].file.size)}`
    : `${files.length} images of ${groups.length} classes`;
  at("classes").replaceChildren(...groups.map(([name, own]) => card(name || "(in no folder)", own)));
  at("chosen").hidden = false;
  at("key-row").hidden = !needsKey;
  at("chosen-title").focus();
  if (loose) complain(new Error("Some images lie in no folder; put those of each class into a folder of their own."));
}

function size(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function card(name, files) {
  const images = files.slice(0, THUMBS).map(({ file, path }) => {
    const link = URL.createObjectURL(file);
    links.push(link);
    return make("img", "", { src: link, alt: path, loading: "lazy" });
  });
  return classCard(`${name} (${files.length})`, images);
}

function classCard(title, images) {
  const box = make("div", "", { class: "class" });
  const row = make("div");
  row.append(...images);
  box.append(make("h4", title), row);
  return box;
}

for (const id of ["folder", "zip"]) {
  at(id).addEventListener("change", (event) => {
    show(ofInput(event.target));
    event.target.value = ""; // so that the same can be chosen again
  });
}
const drop = at("drop");
for (const kind of ["dragover", "dragenter"]) {
  drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
}
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", async (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  try {
    show(await ofDrop(event.dataTransfer));
  } catch {
    complain(new Error("What was dropped cannot be read; choose it with a button."));
  }
});
for (const kind of ["dragover", "drop"]) { // a miss must not open the file instead of the page
  window.addEventListener(kind, (event) => event.preventDefault());
}
at("clear").addEventListener("click", () => {
  show([]);
  complain(null);
  at("chosen").hidden = true;
  at("folder").focus();
});

// Ranking.

at("send").addEventListener("click", async () => {
  complain(null);
  service.useKey(at("key").value);
  at("send").disabled = true;
  say(`Sending ${isZip(chosen) ? "the archive" : `${chosen.length} images`} and ranking ...`);
  try {
    found = await service.pictures(chosen);
    await showResults();
  } catch (error) {
    complain(error);
  } finally {
    at("send").disabled = false;
  }
});

async function showResults() {
  const { ranking } = found;
  const rows = ranking.models;
  at("summary").textContent = ranking.summary;
  at("warning").textContent = ranking.warning;
  at("warning").hidden = !ranking.warning;
  at("notes").replaceChildren(...ranking.notes.map((note) => make("li", note)));
  at("legend").textContent = "Shaded: cannot be separated from the first."
    + (rows[0].tier === null ? "" : " Within a group, the others cannot be separated from its first.")
    + " Known by: whether a model was run on your examples, or is known by its specification alone.";
  showRows(ROWS);
  at("model").replaceChildren(...rows.map((row) => make("option", `${row.rank}. ${row.model}`, { value: row.model })));
  showExamples();
  at("results").hidden = false;
  say("Ranked.");
  at("ranking").focus();
  const matching = found.task.classes.length > 1;
  for (const id of ["match", "map"]) at(id).closest("section").hidden = !matching;
  if (matching) await Promise.all([showMatch(), showMap()]);
}

function showRows(count) {
  const total = found.ranking.models.length;
  drawRows(at("rows"), found.ranking, count);
  at("more").hidden = total <= ROWS;
  at("more").textContent = count < total ? `Show all ${total} models` : `Show the first ${ROWS}`;
  at("more").onclick = () => showRows(count < total ? total : ROWS);
}

function showExamples() {
  const groups = new Map();
  for (const example of found.examples) {
    const image = make("img", "", { src: example.picture, alt: example.name });
    groups.set(example.class, [...(groups.get(example.class) ?? []), image]);
  }
  at("pictures").replaceChildren(...[...groups].map(([name, images]) => classCard(name, images)));
  const ignored = found.ignored ? ` ${found.ignored} other files were ignored.` : "";
  at("seen").textContent = `${found.images} images were read, ${found.examples.length} are shown.${ignored}`;
}

async function showMatch() {
  const model = at("model").value;
  try {
    match = await service.explain(found.task, model);
    at("match-said").textContent = drawMatch(at("matched"), match);
  } catch (error) {
    at("match-said").textContent = error.message;
  }
}
at("model").addEventListener("change", showMatch);

async function showMap() {
  at("map-said").textContent = "Drawing ...";
  try {
    at("map-said").textContent = drawMap(at("plot"), await service.map(found.task), found.ranking);
  } catch (error) {
    at("map-said").textContent = error.message;
    at("plot").replaceChildren();
  }
}

// Saving.

async function save(button, what, name) {
  button.disabled = true;
  try {
    const link = URL.createObjectURL(await service.exported(what));
    const anchor = make("a", "", { href: link, download: name });
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(link), 10000);
  } catch (error) {
    complain(error);
  } finally {
    button.disabled = false;
  }
}
for (const button of document.querySelectorAll("[data-form]")) {
  button.addEventListener("click", () => {
    const { form } = button.dataset;
    const own = form === "html" && match?.model === found.ranking.models[0].model ? { explanation: match } : {};
    save(button, { form, ranking: found.ranking, ...own }, `ranking.${form}`);
  });
}
for (const button of document.querySelectorAll("[data-match]")) {
  button.addEventListener("click", () => {
    const form = button.dataset.match;
    if (match) save(button, { form, explanation: match }, `match.${form}`);
  });
}

// The rest.

const dark = () => {
  const theme = document.documentElement.dataset.theme;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};
const showTheme = () => at("theme").setAttribute("aria-pressed", String(dark()));
at("theme").addEventListener("click", () => {
  const theme = dark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("theme", theme); } catch { /* for this visit only */ }
  showTheme();
});
showTheme();

async function showAbout() {
  const about = await service.about();
  at("models").textContent = `the ${about.models.toLocaleString("en")}`;
  at("version").textContent = about.version;
  at("mre").textContent = about.mre.slice(0, 12);
  at("zoo").textContent = about.zoo.slice(0, 12);
  if (about.kind === "regression") {
    at("shape").textContent = "A folder of images (PNG, JPEG, BMP), or a zip archive of one.";
  }
}
if (!needsKey) showAbout().catch(complain);
