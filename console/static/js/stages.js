// The stages of a rollout: add a row, remove a row. Fields are read by their place, so no renumbering is needed.

const rows = document.getElementById("stages");

function renumber(row, number) {
  for (const label of row.querySelectorAll("label")) {
    const input = label.parentElement.querySelector("input");
    input.id = `${input.name}-${number}`;
    label.htmlFor = input.id;
  }
}

document.getElementById("add-stage")?.addEventListener("click", () => {
  const last = rows.lastElementChild;
  const row = last.cloneNode(true);
  renumber(row, rows.children.length + 1);
  // Everybody is the last stage: what is added goes before it.
  row.querySelector("[name=stages_percent]").value = "";
  rows.insertBefore(row, last);
  row.querySelector("input").focus();
});

rows?.addEventListener("click", (event) => {
  const button = event.target.closest("[data-removes-stage]");
  if (button && rows.children.length > 1) button.closest(".stage-row").remove();
});
