// Sends the upload form with a progress bar. The server answers as it would without scripts: the version's page, or the form.

const form = document.getElementById("upload-form");
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

function show(box, event, startedAt) {
  box.hidden = false;
  const [bar, words] = [box.querySelector("progress"), box.querySelector("p")];
  bar.value = event.total ? event.loaded / event.total : 0;
  if (event.loaded === event.total) {
    words.textContent = "Sent. The server is storing it.";
    return;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const rest = Math.ceil((event.total - event.loaded) / (event.loaded / seconds || 1));
  words.textContent = `${megabytes(event.loaded)} of ${megabytes(event.total)} MB, about ${rest} s left`;
}

function finish(request, box) {
  const isVersion = new URL(request.responseURL).pathname !== location.pathname;
  if (isVersion) {
    location.assign(request.responseURL);
    return;
  }
  const answer = new DOMParser().parseFromString(request.responseText, "text/html").getElementById("upload-form");
  if (!answer) {
    fail(box, "The server could not take it. It was logged; trying again may work.");
    return;
  }
  // Chosen files stay chosen: only what the server says replaces what is shown.
  for (const row of form.querySelectorAll("[data-field]")) {
    const errors = answer.querySelector(`[data-field=${row.dataset.field}] .field-errors`);
    row.querySelector(".field-errors")?.remove();
    row.classList.toggle("has-errors", Boolean(errors));
    if (errors) row.insertBefore(errors, row.querySelector(".hint"));
  }
  for (const note of form.querySelectorAll(":scope > .notice")) note.remove();
  form.prepend(...answer.querySelectorAll(":scope > .notice"));
  reset(box);
  form.querySelector(".notice")?.scrollIntoView({ block: "center" });
}

function reset(box) {
  box.hidden = true;
  form.querySelector("[type=submit]").disabled = false;
}

function fail(box, message) {
  form.querySelector("[type=submit]").disabled = false;
  box.hidden = false;
  box.querySelector("p").textContent = message;
}

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  const box = form.querySelector(".upload-progress");
  const startedAt = performance.now();
  const request = new XMLHttpRequest();
  request.upload.addEventListener("progress", (progress) => show(box, progress, startedAt));
  request.addEventListener("load", () => finish(request, box));
  request.addEventListener("error", () => fail(box, "The connection broke off; nothing was kept. Try again."));
  request.open("POST", location.href);
  request.send(new FormData(form));
  form.querySelector("[type=submit]").disabled = true;
});
