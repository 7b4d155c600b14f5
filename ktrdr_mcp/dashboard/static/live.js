// Keeps a page as the server sees it while somebody looks at it. One request is under way at a time: a long one that
// waits, on the server, for the end of the one operation the page follows; then the page itself, whose parts are put
// in place of the old ones. So a list of fifty rows costs what a list of one does, and a hidden page asks nothing.
"use strict";

const WAIT_SECONDS = 2;
const IDLE_MILLISECONDS = 5000; // a list on which nothing runs has nothing to wait for
const LOST_MILLISECONDS = 3000;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const toBeSeen = () => new Promise((resolve) => {
  if (document.visibilityState === "visible") return resolve();
  const look = () => {
    if (document.visibilityState !== "visible") return;
    document.removeEventListener("visibilitychange", look);
    resolve();
  };
  document.addEventListener("visibilitychange", look);
});

async function get(address) {
  const reply = await fetch(address, {headers: {Accept: "text/html"}, credentials: "same-origin"});
  if (reply.status === 401) location.reload();
  if (!reply.ok) throw new Error(`${address}: ${reply.status}`);
  return reply.text();
}

function putInPlace(page) {
  for (const part of page.querySelectorAll("[data-part]")) {
    const old = document.querySelector(`[data-part="${part.dataset.part}"]`);
    if (old && old.innerHTML !== part.innerHTML) exchange(old, part);
  }
}

function exchange(old, part) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const ticked = [...old.querySelectorAll("input:checked")].map((box) => box.value);
  const opened = old.querySelector("details[open]") !== null;
  old.replaceChildren(...part.childNodes);
  for (const box of old.querySelectorAll("input[type=checkbox]")) box.checked = ticked.includes(box.value);
  if (opened) old.querySelector("details")?.setAttribute("open", "");
  if (focused) again(old, focused)?.focus();
}

function again(part, element) {
  const same = [...part.querySelectorAll(element.tagName)].find((one) => one.isEqualNode(element));
  return same || document.getElementById("content");
}

async function look() {
  const followed = document.querySelector("[data-follow]");
  if (followed) await get(`/api/v1/operations/${encodeURIComponent(followed.dataset.follow)}?wait=${WAIT_SECONDS}`);
  else await pause(IDLE_MILLISECONDS);
  putInPlace(new DOMParser().parseFromString(await get(location.href), "text/html"));
}

async function live() {
  const isList = document.body.dataset.live === "list";
  const lost = document.getElementById("lost");
  while (isList || document.querySelector("[data-follow]")) {
    await toBeSeen();
    try {
      await look();
      lost.hidden = true;
    } catch (error) {
      lost.hidden = false;
      await pause(LOST_MILLISECONDS);
    }
  }
}

// Comparing takes two: what cannot be sent is not offered.
function mindChoice() {
  const form = document.getElementById("choice");
  const button = form?.querySelector(".below button");
  if (button) button.disabled = form.querySelectorAll("input:checked").length !== 2;
}

document.addEventListener("change", mindChoice);
new MutationObserver(mindChoice).observe(document.body, {childList: true, subtree: true});
mindChoice();
if (document.body.dataset.live) live();
