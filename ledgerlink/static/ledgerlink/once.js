// A double click sends a form once. The server does nothing twice either; but what it shows only
// once, such as an API key, it would show to the first click, which the second one takes away.
{
  const PATIENCE = 5000; // milliseconds, after which it may be sent again
  let sent = new WeakMap();
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (Date.now() - (sent.get(form) ?? 0) < PATIENCE) event.preventDefault();
    else sent.set(form, Date.now());
  });
  window.addEventListener("pageshow", () => {
    sent = new WeakMap(); // the page may be one that was gone back to
  });
}
