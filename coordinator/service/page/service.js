// Questions to the service that this page came from.

let key = "";

/** The key that requests carry from now on. */
export function useKey(given) {
  key = given.trim();
}

async function ask(address, options = {}) {
  const headers = { ...options.headers };
  if (key) headers.Authorization = `Bearer ${key}`;
  let response;
  try {
    response = await fetch(address, { ...options, headers, cache: "no-store" });
  } catch {
    throw new Error("The service cannot be reached, or took no more of what was sent. Try again.");
  }
  if (response.ok) return response;
  let sentence = `The service answers with status ${response.status}.`;
  try {
    sentence = (await response.json()).message;
  } catch { /* not one of its own answers */ }
  throw new Error(sentence);
}

function post(address, body) {
  const headers = { "Content-Type": "application/json" };
  return ask(address, { method: "POST", headers, body: JSON.stringify(body) });
}

export const about = async () => (await ask("v1/about")).json();
export const explain = async (task, model) => (await post("v1/explanations", { task, model })).json();
export const map = async (task) => (await post("v1/maps", { task })).json();
export const exported = async (what) => (await post("v1/exports", what)).blob();

/** Send images; they leave this machine. */
export async function pictures(files) {
  const form = new FormData();
  for (const { file, path } of files) form.append("files", file, path);
  return (await ask("v1/pictures", { method: "POST", body: form })).json();
}
