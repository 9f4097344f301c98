// The panel's only script. Every page works without it; with it, an open page follows the master's
// events: on each one the page is fetched again and only what differs is changed in place, so that
// focus, selection, open details and typed text stay. It also shows times as distances, copies
// values and follows logs.
"use strict";
(() => {
  document.documentElement.classList.add("scripted-on");

  // -- Bringing the page up to date ---------------------------------------------------------

  const SETTLE_MS = 60; // events come in groups: one look for all of them
  const RETRY_MS = 3000; // after the stream was refused
  const body = document.body;
  const kinds = (body.dataset.live || "").split(" ").filter(Boolean);
  const about = body.dataset.about || "";
  let source = null;
  let timer = 0;
  let looking = false;
  let again = false;

  function say(text, tone) {
    const place = document.getElementById("watch");
    if (place && place.textContent !== text) {
      place.textContent = text;
      place.className = "watch " + tone;
    }
  }

  function wanted(event) {
    if (!about) return true;
    try {
      const { instance } = JSON.parse(event.data);
      return !instance || instance === about;
    } catch {
      return true;
    }
  }

  function soon() {
    if (!timer) timer = setTimeout(look, SETTLE_MS);
  }

  async function look() {
    timer = 0;
    if (looking) {
      again = true;
      return;
    }
    looking = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.status === 401 || answer.status === 404) {
        // Logged out, or what the page was about is gone: say so as a page.
        location.reload();
        return;
      }
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        const [old, next] = [document.querySelector("main"), fresh.querySelector("main")];
        if (old && next) morph(old, next);
        times();
      }
    } catch {
      // The stream says when the master is back.
    } finally {
      looking = false;
      if (again) {
        again = false;
        soon();
      }
    }
  }

  function listen() {
    if (source || !kinds.length || document.hidden) return;
    source = new EventSource("/v1/watch");
    source.onopen = () => {
      say("Live", "good");
      body.dataset.watching = "yes";
      soon(); // whatever happened while nobody listened
    };
    source.onerror = () => {
      say("Connecting…", "busy");
      delete body.dataset.watching;
      if (source && source.readyState === EventSource.CLOSED) {
        source = null;
        setTimeout(() => {
          soon();
          listen();
        }, RETRY_MS);
      }
    };
    for (const kind of kinds) {
      source.addEventListener(kind, (event) => {
        if (wanted(event)) soon();
      });
    }
  }

  // A page in the background holds no connection: browsers allow six to one master.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && source) {
      source.close();
      source = null;
    } else {
      listen();
    }
  });

  // -- Changing only what differs -----------------------------------------------------------

  function morph(old, fresh) {
    if (old.hasAttribute("data-keep")) return;
    attributes(old, fresh);
    const keyed = new Map();
    for (const child of old.children) if (child.id) keyed.set(child.id, child);
    const wanted = new Set([...fresh.children].map((child) => child.id));
    let cursor = old.firstChild;
    for (const next of [...fresh.childNodes]) {
      if (blank(next)) continue;
      const known = next.id ? keyed.get(next.id) : find(cursor, next, wanted);
      if (!known) {
        old.insertBefore(document.importNode(next, true), cursor);
        continue;
      }
      // What stands before a known child goes, rather than the child being moved: moving it would
      // take the focus from it.
      while (cursor && cursor !== known && known.parentNode === old && isBefore(cursor, known)) {
        cursor = drop(cursor);
      }
      if (cursor === known) cursor = cursor.nextSibling;
      else old.insertBefore(known, cursor);
      if (known.nodeType === Node.ELEMENT_NODE) morph(known, next);
      else if (known.data !== next.data) known.data = next.data;
    }
    while (cursor) cursor = drop(cursor);
  }

  // The next child of the same kind, unless one with a name of its own stands before it.
  function find(cursor, next, wanted) {
    for (let child = cursor; child; child = child.nextSibling) {
      if (child.id && wanted.has(child.id)) return null;
      const isSame = child.nodeName === next.nodeName && child.className === next.className;
      if (isSame && !child.id && !blank(child)) return child;
    }
    return null;
  }

  function blank(node) {
    return node.nodeType === Node.TEXT_NODE && !node.data.trim();
  }

  function isBefore(left, right) {
    return Boolean(left.compareDocumentPosition(right) & Node.DOCUMENT_POSITION_FOLLOWING);
  }

  function drop(node) {
    const next = node.nextSibling;
    if (!blank(node)) node.remove();
    return next;
  }

  function attributes(old, fresh) {
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    for (const { name } of [...old.attributes]) {
      // Whether details are open is for the reader to say.
      if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    }
  }

  // -- Times as distances -------------------------------------------------------------------

  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
  const units = [
    ["day", 86400],
    ["hour", 3600],
    ["minute", 60],
  ];

  function distance(seconds) {
    for (const [unit, size] of units) {
      if (seconds >= size) return words.format(-Math.floor(seconds / size), unit);
    }
    return seconds < 5 ? "just now" : `${Math.floor(seconds)} sec. ago`;
  }

  function times() {
    for (const time of document.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      const text = distance(Math.max(0, (Date.now() - at) / 1000));
      if (time.textContent !== text) time.textContent = text;
      time.title = at.toLocaleString();
    }
  }

  function clocks() {
    for (const clock of document.querySelectorAll("[data-elapsed]")) {
      const known = Number(clock.dataset.elapsed);
      if (clock.from !== known) {
        clock.from = known;
        clock.since = Date.now();
      }
      const seconds = known + Math.floor((Date.now() - clock.since) / 1000);
      const two = (number) => String(number).padStart(2, "0");
      clock.textContent = `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`;
    }
  }

  // -- Copying ------------------------------------------------------------------------------

  async function copy(button) {
    let done = true;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      done = false;
    }
    button.textContent = done ? "Copied" : "Not allowed";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
  });

  // -- Logs ---------------------------------------------------------------------------------

  const LOG_CHARACTERS = 200000; // older text is dropped: a log can be endless

  async function follow(box) {
    const pane = box.querySelector("pre");
    let cursor = "";
    pane.textContent = "";
    while (box.open && box.isConnected) {
      const more = cursor ? `&after=${encodeURIComponent(cursor)}&wait_ms=8000` : "";
      let wait = 300;
      try {
        const answer = await fetch(box.dataset.log + more);
        const said = await answer.json();
        if (answer.ok) {
          append(pane, said.text);
          cursor = said.cursor || cursor;
          pane.dataset.state = pane.textContent ? "" : "Nothing yet.";
        } else {
          pane.dataset.state = [said.message, said.hint].filter(Boolean).join(" – ");
          wait = 4000;
        }
      } catch {
        pane.dataset.state = "The master does not answer.";
        wait = 4000;
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  function append(pane, text) {
    if (!text) return;
    const atEnd = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 40;
    const all = pane.textContent + text;
    pane.textContent = all.length > LOG_CHARACTERS ? all.slice(-LOG_CHARACTERS) : all;
    if (atEnd) pane.scrollTop = pane.scrollHeight;
  }

  for (const box of document.querySelectorAll("[data-log]")) {
    box.addEventListener("toggle", () => {
      if (box.open) follow(box);
    });
  }

  times();
  clocks();
  setInterval(times, 10000);
  setInterval(clocks, 1000);
  listen();
})();
