// What somebody chose or dropped: files, each with the path that says which class it is of.

const IMAGE = /\.(png|jpe?g|bmp)$/i;

/** Files of an input, with their paths. */
export function ofInput(input) {
  return kept([...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
}

/** Files of a drop, folders included. */
export async function ofDrop(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const found = [];
  for (const entry of entries) await collect(entry, found);
  return kept(found);
}

async function collect(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    found.push({ file, path: entry.fullPath.replace(/^\//, "") });
    return;
  }
  const reader = entry.createReader();
  for (;;) { // a reader gives some entries at a time
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return;
    for (const inner of some) await collect(inner, found);
  }
}

function kept(all) {
  const zip = all.find(({ path }) => /\.zip$/i.test(path));
  if (zip && all.length === 1) return all;
  return all.filter(({ path }) => {
    const name = path.split("/").pop();
    return IMAGE.test(name) && !name.startsWith(".") && !path.includes("__MACOSX");
  });
}

/** Whether it is one zip archive. */
export function isZip(all) {
  return all.length === 1 && /\.zip$/i.test(all[0].path);
}

/** Name of the class that a path says: the folder that the file lies in. */
export function classOf(path) {
  return path.split("/").slice(-2, -1)[0] ?? "";
}

/** Files by class, sorted. */
export function byClass(all) {
  const found = new Map();
  for (const each of all) {
    const name = classOf(each.path);
    found.set(name, [...(found.get(name) ?? []), each]);
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}
