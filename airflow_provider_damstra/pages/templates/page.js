
"use strict";
(() => {
  const isFramed = window.parent !== window;
  const outer = isFramed ? window.parent.document : document;

  // Airflow's theme is a class of its root element.
  const root = outer.documentElement;
  const adopt = () => {
    const theme = ["dark", "light"].find((name) => root.classList.contains(name));
    if (theme) document.documentElement.dataset.theme = theme;
  };
  if (isFramed) {
    adopt();
    new MutationObserver(adopt).observe(root, { attributes: true, attributeFilter: ["class"] });
  }

  // Airflow's frame may not navigate the window, so the window itself follows links to Airflow's UI.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[target=_top]");
    if (!isFramed || !link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    const outerLink = outer.createElement("a");
    outerLink.href = link.href;
    outerLink.click();
  });

  // Filters apply when they are changed; without scripts their button applies them.
  for (const form of document.querySelectorAll("form[data-submit-on-change]")) {
    form.addEventListener("change", () => form.requestSubmit());
  }
})();
