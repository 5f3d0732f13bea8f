// The font draws the name of an icon as a picture; to a screen reader the name would be a word.
{
  const hide = (part) => {
    for (const icon of part.querySelectorAll(".material-symbols-outlined:not([aria-hidden])")) {
      icon.setAttribute("aria-hidden", "true");
    }
  };
  const hideAdded = () => hide(document);
  document.addEventListener("DOMContentLoaded", () => {
    hideAdded();
    new MutationObserver(hideAdded).observe(document.body, { childList: true, subtree: true });
  });
}
