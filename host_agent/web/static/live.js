// Puts the latest runs in place as they are stored. Without it the page reloads now and then.
"use strict";

const place = document.querySelector("#latest[data-live]");

async function refresh() {
  const answer = await fetch("/fragment/runs" + location.search);
  if (!answer.ok) return;
  const html = await answer.text();
  const focused = document.activeElement?.getAttribute("href");
  place.innerHTML = html; // ours, and escaped by the template
  if (focused && !place.contains(document.activeElement)) {
    place.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }
}

let busy = false;
let again = false;
async function keepFresh() {
  again = true; // also when news comes while we are fetching
  if (busy) return;
  busy = true;
  try {
    while (again) {
      again = false;
      await refresh();
    }
  } finally {
    busy = false;
  }
}

if (place) {
  const events = new EventSource("/live");
  events.addEventListener("runs", keepFresh);
  events.addEventListener("open", keepFresh);
  addEventListener("pagehide", () => events.close());
}
