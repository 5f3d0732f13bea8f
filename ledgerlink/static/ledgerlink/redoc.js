// ReDoc would fetch its makers' logo from their host.
{
  const image = HTMLImageElement.prototype;
  const inside = (url) => ["null", location.origin].includes(new URL(url, location).origin);
  const { get, set } = Object.getOwnPropertyDescriptor(image, "src");
  Object.defineProperty(image, "src", { get, set(url) { if (inside(url)) set.call(this, url); } });
  const setAttribute = image.setAttribute;
  image.setAttribute = function (name, value) {
    if (name !== "src" || inside(value)) setAttribute.call(this, name, value);
  };
}
document.addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("redoc");
  Redoc.init(place.dataset.schema, JSON.parse(place.dataset.settings), place);
});
