// Keeps status and progress current and stops a second click. The page works without it.
"use strict";

const main = document.getElementById("content");
const work = () => document.getElementById("work");

function key() {
  return `${work().dataset.request} ${work().dataset.state}`;
}

async function refresh() {
  if (document.visibilityState !== "visible") {
    return;
  }
  const answer = await fetch(location.href, { headers: { "X-Kvmtui-Poll": "1" }, credentials: "same-origin" });
  if (answer.status === 403) {
    location.reload();
    return;
  }
  if (!answer.ok) {
    return;
  }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const before = key();
  for (const id of ["work", "live"]) {
    const old = document.getElementById(id);
    const found = fresh.getElementById(id);
    if (old && found && old.innerHTML !== found.innerHTML) {
      old.replaceWith(found);
    }
  }
  if (key() !== before) {
    location.reload();
  }
}

async function follow() {
  try {
    await refresh();
  } catch {
    // The line is down: the next round tries again.
  }
  setTimeout(follow, 1000 * Number(main.dataset.every));
}

document.addEventListener("submit", (event) => {
  if (event.target.target === "_blank") {
    return;
  }
  for (const button of event.target.querySelectorAll("button")) {
    setTimeout(() => {
      button.disabled = true;
    });
  }
});

window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    location.reload();
  }
});

if (main && main.dataset.every && work()) {
  setTimeout(follow, 1000 * Number(main.dataset.every));
}
