// One small script for all pages. Without it they show the same; only the theme, the frame and the filters need it.
"use strict";

// Airflow shows a page in a frame of the same origin. Anywhere else there is no such parent.
const airflow = (() => {
  try {
    return window.parent !== window && window.parent.document ? window.parent : null;
  } catch {
    return null;
  }
})();

// The theme is Airflow's switch, which the browser's own preference does not follow.
if (airflow) {
  const root = airflow.document.documentElement;
  const follow = () => {
    document.documentElement.dataset.theme = root.classList.contains("dark") ? "dark" : "light";
  };
  follow();
  new MutationObserver(follow).observe(root, { attributes: true, attributeFilter: ["class"] });
}

// A plain link would load Airflow inside its own frame. Its router follows the history of its window.
const goInAirflow = (address) => {
  airflow.history.pushState(null, "", address);
  airflow.dispatchEvent(new airflow.PopStateEvent("popstate"));
};

// What is no view of Airflow's UI, such as the log-in, needs a whole new page: a link made and followed in Airflow's own.
// It comes back to where Airflow is now, not to our page without its frame.
const leave = (address) => {
  const target = new URL(address);
  target.searchParams.set("next", airflow.location.pathname + airflow.location.search);
  const link = airflow.document.createElement("a");
  link.href = target.href;
  airflow.document.body.append(link);
  link.click();
  link.remove();
};

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element && event.target.closest("a[data-airflow], a[data-outside]");
  const plain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (!link || !airflow || !plain) return;
  event.preventDefault();
  if ("airflow" in link.dataset) goInAirflow(link.href);
  else leave(link.href);
});

// A form with `data-filter` shows those parts of the list it names whose data fit what is chosen; an empty field fits all.
// `data-at-most` of a field compares as numbers, any other field as texts.
const fits = (part, field) => {
  if (!field.value) return true;
  const value = part.dataset[field.name] ?? "";
  if ("atMost" in field.dataset) return value !== "" && Number(value) <= Number(field.value);
  return value === field.value;
};

const filter = (form) => {
  const fields = [...form.elements].filter((field) => field.name);
  const parts = [...document.querySelectorAll(`#${form.dataset.filter} > [data-part]`)];
  const shown = parts.filter((part) => {
    part.hidden = !fields.every((field) => fits(part, field));
    return !part.hidden;
  });
  const told = form.querySelector("[role=status]");
  if (told) told.textContent = `${shown.length} of ${parts.length} shown`;
};

document.addEventListener("DOMContentLoaded", () => {
  for (const form of document.querySelectorAll("form[data-filter]")) {
    form.hidden = false;
    form.addEventListener("input", () => filter(form));
    form.addEventListener("submit", (event) => event.preventDefault());
    filter(form);
  }
});
