"use strict";
// Sorts and searches tables. All that a page says is there without this; no text of the page is ever read as code.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0], rows = Array.from(body.rows), heads = Array.from(table.tHead.rows[0].cells);
  if (rows.length < 2) continue;
  const groups = [];  // a row and those that tell more of it
  for (const row of rows) {
    if (row.className === "reason") groups[groups.length - 1].push(row); else groups.push([row]);
  }
  const box = document.createElement("div"), label = document.createElement("label"), input = document.createElement("input");
  const told = document.createElement("span"), noun = table.dataset.noun;
  box.className = "search"; input.type = "search"; input.id = table.id + "-search"; input.autocomplete = "off";
  label.htmlFor = input.id; label.textContent = "Search " + noun;
  told.setAttribute("role", "status");
  const tell = (count) => { told.textContent = count.toLocaleString("en") + " of " + groups.length.toLocaleString("en") + " " + noun + " shown"; };
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase();
    let count = 0;
    for (const group of groups) {
      const fits = group.some((row) => row.textContent.toLowerCase().includes(wanted));
      for (const row of group) row.hidden = !fits;
      count += fits;
    }
    tell(count);
  });
  box.append(label, input, told);
  table.parentNode.before(box);
  tell(groups.length);
  heads.forEach((head, column) => {
    if (head.classList.contains("wide")) return;
    const button = document.createElement("button"), numeric = head.classList.contains("n");
    button.type = "button"; button.textContent = head.textContent; head.textContent = ""; head.append(button);
    const key = (group) => {
      const cell = group[0].cells[column], exact = cell.dataset.v;
      if (numeric) return exact === undefined || exact === "" ? -Infinity : Number(exact);
      return (exact === undefined ? cell.textContent : exact).toLowerCase();
    };
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "ascending" : numeric;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const keyed = groups.map((group, number) => [key(group), number, group]);
      keyed.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0) * (down ? -1 : 1) || a[1] - b[1]);
      for (const item of keyed) body.append(...item[2]);
    });
  });
}
