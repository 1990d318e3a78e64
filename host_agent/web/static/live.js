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

let asked = false;
async function keepFresh() {
  if (asked) return;
  asked = true;
  try {
    await refresh();
  } finally {
    asked = false;
  }
}

if (place) {
  const events = new EventSource("/live");
  events.addEventListener("runs", keepFresh);
  events.addEventListener("open", keepFresh);
  addEventListener("pagehide", () => events.close());
}
