// What only a browser can do. Every page works without this file; each part below starts itself where the
// page has the element it is for.

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Tells people who do not see the page. Messages that come together are told together, and of those
 *  about the same thing the last. */
const announce = (() => {
  const waiting = new Map();
  let timer;
  return (text, about = text) => {
    waiting.delete(about);
    waiting.set(about, text);
    clearTimeout(timer);
    timer = setTimeout(() => {
      const all = [...waiting.values()];
      waiting.clear();
      const shown = all.length > 3 ? `${all.length} tickets changed.` : all.join(" ");
      $("#announce").textContent = shown;
    }, 600);
  };
})();

// Times of the server are in UTC; here they are the reader's own.
const TIMES = {
  time: { hour: "numeric", minute: "2-digit" },
  due: { weekday: "short", month: "short", day: "numeric", hour: "numeric", minute: "2-digit" },
  short: { dateStyle: "medium", timeStyle: "short" },
  day: { dateStyle: "medium" },
};
const local = (date, kind) => new Intl.DateTimeFormat("en-US", TIMES[kind]).format(date);
function localise(root = document) {
  for (const time of $$("time[data-local]", root)) {
    const date = new Date(time.dateTime);
    if (!Number.isNaN(date.valueOf())) time.textContent = local(date, time.dataset.local);
  }
}

/** Fetches the page anew and puts its `data-swap` parts in place of those here that differ. */
async function refresh(names, url = location.href, init = {}) {
  const response = await fetch(url, { credentials: "same-origin", ...init });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const name of names) {
    const [here, there] = [document, page].map((it) => $(`[data-swap="${name}"]`, it));
    if (!here || !there) continue;
    localise(there);
    if (here.innerHTML === there.innerHTML && here.hidden === there.hidden) continue;
    const held = here.contains(document.activeElement);
    here.replaceWith(there);
    if (held) focusOn($("a, button", there) ?? there);
  }
  return { response, page };
}

/** Puts the focus on something, also where that takes none by itself. */
function focusOn(element) {
  if (!element.matches("a, button, input, select, summary, [tabindex]")) element.tabIndex = -1;
  element.focus();
}

const visible = () => document.visibilityState === "visible";

/** At most one call at a time and one in `wait` milliseconds; a call in between is made later. */
function paced(wait, run) {
  let timer;
  let last = -Infinity;
  let busy = false;
  let again = false;
  const go = async () => {
    timer = undefined;
    if (busy) return void (again = true);
    busy = true;
    last = performance.now();
    try {
      await run();
    } catch {
      // The network is away; the next change or the next reconnect tries again.
    }
    busy = false;
    if (again) {
      again = false;
      call();
    }
  };
  const call = () => {
    if (timer === undefined) timer = setTimeout(go, Math.max(0, last + wait - performance.now()));
  };
  return call;
}

/** Listens to a stream of tickets while the page is seen: a browser opens only six connections to a
 *  server, which hidden tabs should not use up. `caughtUp` is called after each (re)connect. */
function listen(url, onTicket, caughtUp = () => {}) {
  let source;
  let timer;
  let wait = 1000;
  const mark = (live) => $$("[data-live]").forEach((it) => (it.hidden = !live));
  const open = () => {
    if (source || !visible()) return;
    clearTimeout(timer);
    source = new EventSource(url);
    source.addEventListener("open", () => {
      wait = 1000;
      mark(true);
      caughtUp();
    });
    source.addEventListener("error", () => {
      mark(false);
      // After an answer that is no stream (a server that restarts, a gateway) the browser gives up.
      if (source?.readyState !== EventSource.CLOSED) return;
      source = undefined;
      timer = setTimeout(open, wait * (0.5 + Math.random() / 2));
      wait = Math.min(wait * 2, 30_000);
    });
    source.addEventListener("ticket", (event) => onTicket(JSON.parse(event.data)));
  };
  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = undefined;
  };
  document.addEventListener("visibilitychange", () => (visible() ? open() : close()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
}

// ---- Money and places, worded as the server words them ----

function money(minor, currency) {
  const format = new Intl.NumberFormat("en-US", { style: "currency", currency: currency.toUpperCase() });
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}

/** `1–30, 40`: seats that follow one another are written as a range. */
function ranges(seats) {
  const runs = [];
  for (const seat of seats) {
    const run = runs.at(-1);
    const follows = run && /^(0|[1-9]\d{0,8})$/.test(seat) && String(Number(run.at(-1)) + 1) === seat;
    if (follows) run.push(seat);
    else runs.push([seat]);
  }
  return runs.map((run) => (run.length > 2 ? `${run[0]}–${run.at(-1)}` : run.join(", "))).join(", ");
}

function place(ticket) {
  const label = (word, name) => {
    if (/^ga$/i.test(name)) return "General admission";
    const code = name.length <= 2 || /\d/.test(name);
    return code && !name.toLowerCase().startsWith(word.toLowerCase()) ? `${word} ${name}` : name;
  };
  const parts = [];
  if (ticket.section) parts.push(label("Section", ticket.section));
  if (ticket.row) parts.push(label("Row", ticket.row));
  if (ticket.seats.length) {
    parts.push(`${ticket.seats.length > 1 ? "Seats" : "Seat"} ${ranges(ticket.seats)}`);
  }
  return [parts.shift() ?? "General admission", parts.join(" · ")];
}

/** What a buyer pays for one ticket of a listing. */
const each = (ticket) => money(ticket.totalPerTicket, ticket.currency);

/** Who sells, worded as the server words it. */
function sellerLine({ name, sold, level }) {
  const who = level === "closed" ? "Sold by a former member" : name ? `Sold by ${name}` : "Private seller";
  return `${who} · ${sold ? count(sold, "sale", "sales") : "New seller"}`;
}

const spell = (text) => text.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean);
const count = (n, one, more) => `${n.toLocaleString("en-US")} ${n === 1 ? one : more}`;
const many = (n) => count(n, "ticket", "tickets");

// ---- The event page: rows that follow the market ----

function liveLots(root) {
  const list = () => $("#lots");
  const prices = paced(5000, () => refresh(["prices"]));
  /** The newest version that was told of each ticket: an answer that was on its way may be older. */
  const told = new Map();

  // The page is older than the stream. What has changed in between is asked of the API once it is open.
  const catchUp = paced(2000, async () => {
    const before = new Map($$(".lot", list()).map((row) => [row.id, row.dataset.version]));
    const answer = await fetch(`/api/tickets?${list().dataset.query}`, { credentials: "same-origin" });
    if (!answer.ok) return;
    const { items, nextCursor } = await answer.json();
    list().toggleAttribute("data-partial", Boolean(nextCursor));
    items.forEach((ticket) => changed(ticket, true));
    const there = new Set(items.map((ticket) => `t-${ticket.id}`));
    const last = nextCursor && document.getElementById(`t-${items.at(-1)?.id}`);
    for (const row of $$(".lot", list())) {
      if (there.has(row.id) || before.get(row.id) !== row.dataset.version) continue;
      // What stands behind the last of many is on the next page now.
      if (last && sortsBefore(last, row)) remove(row);
      else drop(row, "is off sale");
    }
    const more = $(".more", root);
    more.hidden = !nextCursor;
    if (!nextCursor) return;
    const next = new URL(location.href);
    next.searchParams.set("cursor", nextCursor);
    $("a", more).href = next;
  });

  const fill = (row, ticket, isHere) => {
    const [where, detail] = place(ticket);
    const set = (name, text) => {
      const part = $(`[data-f=${name}]`, row);
      if (part) part.textContent = text;
    };
    set("place", where);
    set("detail", detail);
    set("quantity", many(ticket.quantity));
    const several = ticket.quantity > 1;
    set("each", each(ticket));
    $(".cost small", row)?.toggleAttribute("hidden", !several);
    set("price", several ? `${money(ticket.total, ticket.currency)} total` : "");
    const known = new Set(spell([list().dataset.event, where, detail].join(" ")));
    if (ticket.seller) set("seller", sellerLine(ticket.seller));
    set("note", spell(ticket.title).every((word) => known.has(word)) ? "" : ticket.title);
    row.id = `t-${ticket.id}`;
    row.dataset.each = ticket.totalPerTicket;
    row.dataset.version = ticket.version;
    if (ticket.userId === list().dataset.viewer) row.dataset.own = "";
    act(row, ticket, where, isHere);
    row.dataset.status = ticket.status;
  };

  const link = (href, text, look = "btn") => {
    const it = document.createElement("a");
    it.className = look;
    it.href = href;
    it.textContent = text;
    return it;
  };

  const act = (row, ticket, where, isHere) => {
    const cell = $(".act", row);
    // The visitor's own click is on its way: the next page tells whose checkout it is.
    if (ticket.status === "locked" && $("[aria-busy=true]", cell)) return;
    if (row.dataset.own !== undefined) {
      if (!$("a", cell)) cell.replaceChildren(link(`/tickets/${ticket.id}/edit`, "Edit yours", "btn quiet"));
    } else if (ticket.status === "available") {
      const button = $("#lot").content.querySelector(".act button").cloneNode();
      button.setAttribute("formaction", `/tickets/${ticket.id}/buy`);
      button.value = ticket.price;
      const spoken = document.createElement("span");
      spoken.className = "vh";
      spoken.textContent = ` ${many(ticket.quantity)}, ${where}, ${each(ticket)}${ticket.quantity > 1 ? " each" : ""}`;
      button.append("Buy", spoken);
      cell.replaceChildren(button);
      delete row.dataset.mine;
    } else if (ticket.orderId) {
      row.dataset.mine = "";
      cell.replaceChildren(link(`/orders/${ticket.orderId}`, "Continue checkout"));
    } else if (isHere || row.dataset.mine === undefined) {
      // The stream tells everybody the same; only an answer to the visitor tells whose checkout it is.
      delete row.dataset.mine;
      const held = document.createElement("p");
      held.className = "held";
      const time = document.createElement("time");
      time.dateTime = ticket.lockedUntil ?? "";
      time.textContent = ticket.lockedUntil ? local(new Date(ticket.lockedUntil), "time") : "soon";
      held.append("Someone’s buying this until ", time);
      cell.replaceChildren(held);
    }
  };

  const fits = (ticket) => {
    const { qty, max } = list().dataset;
    return (!qty || ticket.quantity === Number(qty)) && (!max || ticket.totalPerTicket <= Number(max));
  };

  /** Where a row stands in the list's order, as the API sorts: by what a ticket costs or by age, both ties by age. */
  const sortsBefore = (one, other) => {
    const { sort } = list().dataset;
    const [a, b] = [one, other].map((row) => (sort === "newest" ? 0 : Number(row.dataset.each)));
    const less = a === b ? one.id < other.id : a < b;
    return sort === "price" ? less : !less;
  };

  /** Puts a row where the list's order has it; away, where that is on another page than this. */
  const put = (row, isHere) => {
    const rows = $$(".lot", list()).filter((it) => it !== row);
    const behind = rows.find((it) => sortsBefore(row, it));
    const { later, partial } = list().dataset;
    if (row === (behind ? behind.previousElementSibling : list().lastElementChild)) return;
    const isBefore = behind === rows[0] && later !== undefined;
    const isBehind = !behind && partial !== undefined;
    if ((isBefore || isBehind) && !isHere) return row.remove();
    list().insertBefore(row, behind ?? null);
  };

  const remove = (row) => {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    const held = row.contains(document.activeElement);
    row.remove();
    if (held) focusOn((next && $(".act :is(a, button)", next)) ?? next ?? $("#offers-title"));
    const left = $$(".lot", list()).length;
    $("[data-empty]").hidden = left > 0;
    // What follows on the next page moves up.
    const limit = Number(new URLSearchParams(list().dataset.query).get("limit"));
    if (left < limit / 2 && list().dataset.partial !== undefined) catchUp();
  };

  const drop = (row, how) => {
    announce(`${$("[data-f=place]", row).textContent} ${how}.`);
    remove(row);
  };

  /** Shows a ticket as it is. `isHere`: it belongs to this page, of those that the list has. */
  const changed = (ticket, isHere = false) => {
    let row = document.getElementById(`t-${ticket.id}`);
    const known = Math.max(told.get(ticket.id) ?? 0, Number(row?.dataset.version ?? 0));
    const isMine = row?.dataset.mine !== undefined;
    if (row && ticket.seller) $("[data-f=seller]", row).textContent = sellerLine(ticket.seller);
    const isNews = isHere && row?.dataset.own === undefined && Boolean(ticket.orderId) !== isMine;
    if (known > ticket.version || (known === ticket.version && row && !isNews)) return;
    told.set(ticket.id, ticket.version);
    const gone = ticket.status === "sold" || ticket.status === "withdrawn" || !fits(ticket);
    if (gone && !row) return;
    // Only the API knows which spellings are one section.
    if (!row && !isHere && list().dataset.section !== undefined) return catchUp();
    prices();
    const [where] = place(ticket);
    if (gone) {
      const how = { sold: "was just sold", withdrawn: "is off sale" }[ticket.status];
      return drop(row, how ?? "no longer matches your filters");
    }
    if (row) {
      const moved = Number(row.dataset.each) !== ticket.totalPerTicket;
      const was = row.dataset.status;
      const held = row.contains(document.activeElement);
      fill(row, ticket, isHere);
      if (moved) put(row, isHere);
      if (held && row.isConnected) focusOn($(".act :is(a, button)", row) ?? row);
      flash(row);
      if (moved) announce(`${where} is now ${each(ticket)} a ticket.`);
      else if (was !== ticket.status) {
        announce(ticket.status === "locked" ? `Someone is buying ${where}.` : `${where} is available again.`);
      }
    } else {
      row = $("#lot").content.firstElementChild.cloneNode(true);
      fill(row, ticket, isHere);
      put(row, isHere);
      if (row.isConnected) {
        // Streams do not say who sells; the list does.
        if (!ticket.seller) catchUp();
        flash(row);
        announce(`New: ${where}, ${each(ticket)} a ticket.`);
      }
    }
    $("[data-empty]").hidden = $$(".lot", list()).length > 0;
  };

  const flash = (row) => {
    row.classList.remove("fresh");
    void row.offsetWidth;
    row.classList.add("fresh");
  };

  listen(root.dataset.stream, (ticket) => changed(ticket), catchUp);
}

// ---- One ticket, my listings: fetch the part anew when something happens ----

function liveTicket(root) {
  const shown = () => $("[data-swap=ticket]");
  const update = paced(300, async () => {
    const before = shown().dataset.status;
    const { response } = await refresh(["ticket"]);
    // Others than its seller no longer find a ticket that was withdrawn.
    if (response.status === 404 && before !== "withdrawn") {
      const part = $(".do", shown());
      const held = part.contains(document.activeElement);
      part.replaceChildren($("#withdrawn").content.cloneNode(true));
      shown().dataset.status = "withdrawn";
      if (held) focusOn($("a", part) ?? part);
    }
    const now = shown().dataset.status;
    if (now !== before) {
      announce({
        available: "This ticket is available.",
        locked: "Someone is buying this ticket.",
        sold: "This ticket was just sold.",
        withdrawn: "This ticket is off sale.",
      }[now]);
    }
  });
  listen(root.dataset.stream, update, update);
}

function liveListings(root) {
  const part = () => $("[data-swap=listings]");
  const states = () => $$(".listing").map((it) => it.id + it.dataset.status).join();
  /** Whether the seller is at work on a row, which must not be taken from under their hands. */
  const inHand = (row) => row.contains(document.activeElement)
    || $("details[open]", row) !== null
    || $$("input", row).some((it) => it.value !== it.defaultValue);
  const update = paced(1000, async () => {
    if (!visible()) return;
    const before = states();
    const response = await fetch(location.href, { credentials: "same-origin" });
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = $("[data-swap=listings]", page);
    if (!fresh) return;
    localise(fresh);
    const [rows, next] = [$$(".listing", part()), $$(".listing", fresh)];
    if (rows.map((row) => row.id).join() === next.map((row) => row.id).join()) {
      rows.forEach((row, at) => {
        if (row.outerHTML !== next[at].outerHTML && !inHand(row)) row.replaceWith(next[at]);
      });
    } else if (!rows.some(inHand)) {
      part().replaceWith(fresh);
    }
    if (states() !== before) announce("Your listings changed.");
  });
  // Streams for a few shows; the rest, and what was held back while typing, is looked up now and then.
  for (const id of root.dataset.watch.split(" ").filter(Boolean).slice(0, 2)) {
    listen(`/api/events/${id}/stream`, update, update);
  }
  setInterval(update, 5000);
}

// ---- Checkout ----

/** Whether the page is being left for another one of the market. */
let stays = false;

/** Keeps an order's ticket while any page of the market is open, and lets it go when the last is closed.
 *  `changed` gets what the API says of the order, every few seconds. Gives `look`, which asks at once. */
function keep(id, changed) {
  const goodbye = `/api/orders/${id}/leave`;

  // By asking for the order the buyer also takes it back, should the page before have said goodbye.
  const look = async () => {
    try {
      const response = await fetch(`/api/orders/${id}`, { credentials: "same-origin" });
      await changed(response.status, response.ok ? await response.json() : null);
    } catch {
      // Offline: the countdown goes on, and the next look tells.
    }
  };
  for (const wait of [700, 2500]) setTimeout(look, wait);
  setInterval(look, 5000);

  // A form of the checkout and a link within the market lead on, not away.
  document.addEventListener("submit", (event) => {
    if (event.target.closest("[data-stay], [data-stripe]")) stays = true;
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    const isHere = link && link.origin === location.origin && !link.target;
    if (!isHere || event.ctrlKey || event.metaKey || event.shiftKey) return;
    stays = true;
    setTimeout(() => (stays = false), 5000);
  });
  addEventListener("pagehide", () => {
    if (!stays) navigator.sendBeacon(goodbye);
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    stays = false;
    look();
  });
  // Once the session has ended nobody could say goodbye any more.
  for (const form of $$("form[action='/logout']")) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      await fetch(goodbye, { method: "POST", credentials: "same-origin" }).catch(() => {});
      stays = true;
      form.submit();
    });
  }
  return look;
}

const timeLeft = (order) => Date.parse(order.expiresAt) - Date.parse(order.serverTime);

function checkout(root) {
  let state = "created";
  let clock;
  const look = keep(root.dataset.order, (status, order) => {
    // Signed out meanwhile, or not theirs: the server's own page tells what to do.
    if (status === 401 || status === 404) return location.reload();
    if (!order) return;
    // The answer to a payment leads on by itself, and knows why a card was declined.
    if (order.status !== state && !stays) {
      state = order.status;
      location.reload();
    }
    clock?.(timeLeft(order));
  });
  clock = countdown(root, look);
}

/** The line on every other page about what the visitor has in checkout. */
function holding(root) {
  const [first, ...others] = root.dataset.holds.split(" ");
  let clock;
  const look = keep(first, (status, order) => {
    if (status === 401 || status === 404 || (order && order.status !== "created")) return root.remove();
    if (order) clock?.(timeLeft(order));
  });
  for (const id of others) keep(id, () => {});
  clock = countdown(root, look);
}

/** A payment on its way needs nobody: the page looks again until there is another one to show. */
function paying() {
  const look = async () => {
    try {
      const response = await fetch(location.href, { credentials: "same-origin" });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      if (response.status < 500 && !$("[data-paying]", page)) location.reload();
    } catch {
      // Offline: the next look tells.
    }
  };
  setInterval(look, 2000);
}

/** Counts down, and gives what corrects it: a function that takes the milliseconds left. */
function countdown(root, look) {
  // The server says how much is left; this machine's clock may be wrong, so only its pace is used.
  let end = performance.now() + Number(root.dataset.left);
  let over = false;
  const [clock, words, bar] = ["clock", "clock-words", "progress"].map((it) => $(`[data-${it}]`, root));
  const tell = [600, 300, 120, 60, 30, 10];
  let said = Infinity;
  if (words) words.textContent = "Nobody else can buy your ticket until then.";
  const tick = () => {
    const left = Math.max(0, end - performance.now());
    const seconds = Math.ceil(left / 1000);
    clock.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    if (bar) bar.value = left;
    $(".hold", root)?.classList.toggle("late", seconds <= 60);
    const mark = tell.find((it) => seconds <= it && seconds > it - 5);
    if (mark && mark < said) {
      said = mark;
      announce(mark >= 60 ? `${mark / 60} minute${mark > 60 ? "s" : ""} left to buy your ticket.` : `${mark} seconds left to buy your ticket.`);
    }
    if (left > 0) return setTimeout(tick, 200);
    over = true;
    announce("Time’s up.");
    if (words) words.textContent = "Time’s up. One moment…";
    for (const button of $$("button", root)) button.disabled = true;
    look();
    setInterval(look, 800);
  };
  tick();
  return (left) => {
    if (!over && Number.isFinite(left)) end = performance.now() + left;
  };
}

// Stripe's own form, where the operator uses Stripe: card numbers never pass through this site.
async function stripe(form) {
  const root = form.closest("[data-order]");
  const fault = $("[data-stripe-error]", form);
  const button = $("button", form);
  const { stripe: key, amount, currency } = form.dataset;
  if (!window.Stripe) return void (fault.textContent = "We couldn’t load the card form. Reload the page.");
  const stripe = window.Stripe(key);
  const elements = stripe.elements({ mode: "payment", captureMethod: "manual", amount: Number(amount), currency });
  const element = elements.create("payment");
  element.mount("#payment-element");
  element.on("ready", () => (button.disabled = false));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    fault.textContent = "";
    try {
      const checked = await elements.submit();
      if (checked.error) throw checked.error;
      const orderId = root.dataset.order;
      const answer = await fetch("/api/payments/intents", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ orderId }),
      });
      const intent = await answer.json();
      if (!answer.ok) throw new Error(intent.detail);
      const back = `${location.origin}/orders/${orderId}?paid=1`;
      const paid = await stripe.confirmPayment({
        elements, clientSecret: intent.clientSecret, confirmParams: { return_url: back }, redirect: "if_required",
      });
      if (paid.error) throw paid.error;
      location.assign(back);
    } catch (error) {
      fault.textContent = error.message;
      button.disabled = false;
      stays = false;
    }
  });
}

// ---- Search ----

function suggest(form) {
  const [input, list] = [$("input", form), $("[role=listbox]", form)];
  let asked = 0;
  let at = -1;
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", list.id);
  const show = (open) => {
    list.hidden = !open;
    input.setAttribute("aria-expanded", String(open));
    if (!open) choose(-1);
  };
  const choose = (index) => {
    at = index;
    const options = $$("[role=option]", list);
    options.forEach((it, i) => it.setAttribute("aria-selected", String(i === at)));
    if (options[at]) input.setAttribute("aria-activedescendant", options[at].id);
    else input.removeAttribute("aria-activedescendant");
    options[at]?.scrollIntoView({ block: "nearest" });
  };
  const option = (event, index) => {
    const item = document.createElement("li");
    item.id = `${list.id}-${index}`;
    item.setAttribute("role", "option");
    item.dataset.href = `/events/${event.id}`;
    // The day at the venue, whatever the reader's own zone.
    const day = new Intl.DateTimeFormat("en-US", { month: "short", day: "numeric", timeZone: "UTC" });
    const part = (tag, text, name) => {
      const it = document.createElement(tag);
      it.textContent = text;
      if (name) it.className = name;
      item.append(it);
    };
    part("b", event.name);
    part("span", `${day.format(new Date(event.localStart.slice(0, 10)))} · ${event.venue.name}, ${event.venue.city}`);
    part("span", event.available ? count(event.available, "listing", "listings") : "No tickets right now", "price");
    return item;
  };
  const ask = paced(120, async () => {
    const q = input.value.trim();
    if (q.length < 2) return show(false);
    const turn = ++asked;
    const query = new URLSearchParams({ q, limit: "6", from: new Date().toISOString() });
    const answer = await fetch(`/api/events?${query}`);
    if (!answer.ok || turn !== asked || input.value.trim() !== q) return;
    const { items } = await answer.json();
    list.replaceChildren(...items.map(option));
    choose(-1);
    show(items.length > 0 && document.activeElement === input);
    announce(items.length ? `${count(items.length, "suggestion", "suggestions")}.` : "No suggestions.", "found");
  });
  show(false);
  input.addEventListener("input", () => {
    choose(-1);
    ask();
  });
  input.addEventListener("blur", () => setTimeout(() => show(false), 150));
  // The press must not take the focus from the field, which would close the list before the click.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const item = event.target.closest("[role=option]");
    if (item) location.assign(item.dataset.href);
  });
  input.addEventListener("keydown", (event) => {
    const options = $$("[role=option]", list);
    if (list.hidden || !options.length) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      choose(at < 0 && step < 0 ? options.length - 1 : (at + step + options.length) % options.length);
    } else if (event.key === "Enter" && options[at]) {
      event.preventDefault();
      location.assign(options[at].dataset.href);
    } else if (event.key === "Escape") {
      event.preventDefault();
      show(false);
    }
  });
}

/** Results that follow what is typed and chosen, with an address that can be shared. */
function liveForm(form) {
  let pressed = false;
  const update = paced(150, async () => {
    const pairs = [...new FormData(form)].filter(([, value]) => value.trim() !== "");
    const url = `${form.getAttribute("action")}${pairs.length ? `?${new URLSearchParams(pairs)}` : ""}`;
    const asked = pressed;
    pressed = false;
    const found = await refresh(["results", "e-max", "e-date"], url).catch(() => null);
    if (!found?.response.ok || found.response.redirected) {
      // No results: the server's own page tells why.
      if (asked || found?.response.redirected) location.assign(url);
      return;
    }
    const { page } = found;
    for (const field of $$("input[id]", form)) {
      const fresh = page.getElementById(field.id);
      for (const name of ["aria-invalid", "aria-describedby"]) {
        if (fresh?.hasAttribute(name)) field.setAttribute(name, fresh.getAttribute(name));
        else if (field.getAttribute("role") !== "combobox") field.removeAttribute(name);
      }
      field.closest(".field")?.classList.toggle("bad", field.hasAttribute("aria-invalid"));
    }
    document.title = page.title;
    history.replaceState(null, "", url);
    const heading = $("[data-swap=results] :is(h1, h2)");
    const rows = $$("[data-swap=results] .stub").length;
    const none = $("[data-swap=results] .empty h2")?.textContent;
    announce(`${heading?.textContent.trim()}: ${none ?? `${rows} shown`}.`, "found");
  });
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    pressed = true;
    update();
  });
}

// ---- Sell: what buyers will see, while one types ----

function preview(form) {
  const update = paced(400, async () => {
    if (!form.elements.price.value.trim()) return;
    const body = new URLSearchParams(new FormData(form));
    body.set("step", "preview");
    await refresh(["preview"], form.action, { method: "POST", body });
  });
  form.addEventListener("input", update);
}

// ---- Everywhere ----

// One click, one submission: until the next page is there, the button is busy, and with it its form.
addEventListener("submit", (event) => {
  if (event.defaultPrevented) return;
  const button = event.submitter;
  if (!button) return;
  const isBusy = (it) => it.getAttribute("aria-busy") === "true";
  if ([...event.target.elements].some(isBusy)) return event.preventDefault();
  button.setAttribute("aria-busy", "true");
  setTimeout(() => button.removeAttribute("aria-busy"), 8000);
});
addEventListener("pageshow", () => $$("[aria-busy]").forEach((it) => it.removeAttribute("aria-busy")));

const start = (selector, run) => $$(selector).forEach(run);
localise();
start("[data-focus]", (it) => it.focus());
start("[data-suggest]", suggest);
start("[data-live-form]", liveForm);
start("[data-preview]", preview);
start(".event[data-stream]", liveLots);
start("[data-stream][data-reload]", liveTicket);
start("[data-watch]", liveListings);
start("[data-order]", checkout);
start("[data-holds]", holding);
start("[data-paying]", paying);
start("form[data-stripe]", stripe);
