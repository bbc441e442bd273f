"use strict";
// Every second, or as often as it says itself, the page is fetched anew and what differs is changed in place: no text is
// ever made into markup by hand, nothing jumps, and the focus stays where it is. Nothing is fetched while nobody looks.
(() => {
  const PATIENCE_MS = 5000;
  const TYPING_MS = 250;
  const PARTS = ["state", "live"];
  const pause = document.getElementById("pause");
  const stale = document.getElementById("stale");
  const everyMs = () => 1000 * (Number(document.getElementById("live").dataset.every) || 1);
  let timer = 0;
  let typing = 0;
  let isPaused = false;

  // Whoever opened or closed a <details>, typed or chose decides, not the page that comes.
  const THEIRS = { DETAILS: "open", INPUT: "value", OPTION: "selected" };
  const theirs = (element, name) => THEIRS[element.tagName] === name;

  function takeAttributes(from, to) {
    for (const { name } of [...to.attributes]) {
      if (!from.hasAttribute(name) && !theirs(to, name)) to.removeAttribute(name);
    }
    for (const { name, value } of from.attributes) {
      if (to.getAttribute(name) !== value && !theirs(to, name)) to.setAttribute(name, value);
    }
  }

  function isSameKind(a, b) {
    return a.nodeType === b.nodeType && a.nodeName === b.nodeName && a.id === b.id;
  }

  function become(to, from) {
    if (to.nodeType === Node.TEXT_NODE) {
      if (to.nodeValue !== from.nodeValue) to.nodeValue = from.nodeValue;
      return;
    }
    takeAttributes(from, to);
    const old = [...to.childNodes];
    const fresh = [...from.childNodes];
    fresh.forEach((child, place) => {
      const mine = old[place];
      if (mine === undefined) to.append(document.importNode(child, true));
      else if (isSameKind(mine, child)) become(mine, child);
      else mine.replaceWith(document.importNode(child, true));
    });
    for (const left of old.slice(fresh.length)) left.remove();
  }

  async function renew() {
    const where = `/${location.search}`;
    try {
      const answer = await fetch(where, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
      if (!answer.ok) throw new Error(String(answer.status));
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      // Somebody has chosen otherwise meanwhile, or wants to read in peace.
      if (isPaused || where !== `/${location.search}`) return;
      for (const id of PARTS) become(document.getElementById(id), next.getElementById(id));
      document.title = next.title;
      stale.hidden = true;
    } catch {
      stale.hidden = false;
    }
  }

  function goOn() {
    clearTimeout(timer);
    if (isPaused || document.hidden) return;
    timer = setTimeout(async () => {
      await renew();
      goOn();
    }, everyMs());
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", String(isPaused));
    pause.textContent = isPaused ? "Go on" : "Pause";
    goOn();
  });

  async function choose(form) {
    const asked = [...new FormData(form)].filter(([, value]) => value);
    const query = new URLSearchParams(asked).toString();
    history.replaceState(null, "", query ? `/?${query}` : "/");
    clearTimeout(timer);
    await renew();
    goOn();
  }

  const isChoice = (event) => event.target.closest("#choice") !== null;
  document.addEventListener("input", (event) => {
    if (!isChoice(event)) return;
    clearTimeout(typing);
    typing = setTimeout(choose, TYPING_MS, event.target.form);
  });
  document.addEventListener("submit", (event) => {
    if (!isChoice(event)) return;
    event.preventDefault();
    choose(event.target);
  });

  document.addEventListener("visibilitychange", goOn);
  goOn();
})();
