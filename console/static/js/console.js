// The script of every page: renew relative times, open dialogs, copy text, submit filters, and hold back polls while a dialog is open.

const RELATIVE_EVERY_MS = 5000;
const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

export function distance(seconds) {
  if (Math.abs(seconds) < 2) return "just now";
  const [unit, length] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS.at(-1);
  const count = Math.abs(seconds) / length;
  // A future time is rounded to the nearest unit, as in console/times.py.
  return seconds < 0 ? `in ${Math.round(count)} ${unit}` : `${Math.floor(count)} ${unit} ago`;
}

function refreshTimes() {
  for (const time of document.querySelectorAll("time[data-relative]")) {
    time.textContent = distance((Date.now() - Date.parse(time.dateTime)) / 1000);
  }
}

async function copy(button) {
  const text = document.getElementById(button.dataset.copy).textContent;
  await navigator.clipboard.writeText(text);
  button.textContent = "Copied";
}

function onClick(event) {
  const opener = event.target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens).showModal();
  if (event.target.closest("[data-closes]")) event.target.closest("dialog").close();
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
  for (const menu of document.querySelectorAll(".frame-user[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
}

// A filter form is submitted by each choice. Its button is for keyboards and for browsers without scripts.
function onChange(event) {
  const form = event.target.closest("form[data-submits-itself]");
  // Another model has other versions, so its choice clears the field of the version.
  for (const id of (event.target.dataset?.clears ?? "").split(" ").filter(Boolean)) document.getElementById(id).disabled = true;
  if (form && event.target.matches("select")) form.requestSubmit();
}

// Empty fields stay out of the URL, so that the address of a filtered page is short.
function onSubmit(event) {
  if (!event.target.matches("form[method=get]")) return;
  for (const field of event.target.elements) if (field.name && !field.value) field.disabled = true;
}

const openDetails = new Set();

// A hidden page does not poll. A page with an open dialog does not either: the answer would replace the dialog.
function beforeRequest(event) {
  if (document.hidden || document.querySelector("dialog[open]")) event.preventDefault();
}

function beforeSwap(event) {
  const isLogin = new URL(event.detail.xhr.responseURL || location.href).pathname !== new URL(event.detail.pathInfo.requestPath, location.href).pathname;
  if (isLogin) {
    event.detail.shouldSwap = false;
    location.reload();
    return;
  }
  openDetails.clear();
  for (const details of document.querySelectorAll("details[id][open]")) openDetails.add(details.id);
}

function afterSwap() {
  for (const id of openDetails) document.getElementById(id)?.setAttribute("open", "");
  refreshTimes();
}

document.addEventListener("click", onClick);
document.addEventListener("change", onChange);
document.addEventListener("submit", onSubmit);
document.addEventListener("htmx:beforeRequest", beforeRequest);
document.addEventListener("htmx:beforeSwap", beforeSwap);
document.addEventListener("htmx:afterSwap", afterSwap);
// The browser's back button shows the page as it was left: enable the fields that onSubmit has disabled.
window.addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("form[method=get] [name]:disabled")) field.disabled = false;
});
setInterval(refreshTimes, RELATIVE_EVERY_MS);
