// The page stands in a frame of Airflow's: this follows its theme, and opens its pages in the whole window.
// It runs before anything is shown: no flash of the other theme, and no link that somebody clicks too early.

const airflow = window.parent === window ? null : window.parent.document;

if (airflow) {
  const follow = () => {
    document.documentElement.dataset.theme = airflow.documentElement.classList.contains("dark") ? "dark" : "light";
  };
  follow();
  new MutationObserver(follow).observe(airflow.documentElement, { attributes: true, attributeFilter: ["class"] });

  // Airflow's frame may not navigate its parent. A link that stands in the parent may.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-airflow]");
    if (!link) return;
    event.preventDefault();
    const outside = airflow.createElement("a");
    outside.href = link.href;
    if (event.ctrlKey || event.metaKey || event.shiftKey) outside.target = "_blank";
    outside.click();
  });
}
