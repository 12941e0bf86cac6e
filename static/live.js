// Loads a page again when it, or what it is made of, was edited. Only served in development.
(() => {
  const EVERY = 700;
  const { page } = document.currentScript.dataset;
  let tag = null;

  async function look() {
    try {
      const headers = tag === null ? {} : { "If-None-Match": tag };
      const answer = document.hidden ? null : await fetch(location.href, { cache: "no-store", headers });
      if (answer?.ok) {
        if (!(await answer.text()).includes(page)) return location.reload();
        tag = answer.headers.get("ETag");
      }
    } catch {
      // The server is being started anew: it is asked again.
    }
    setTimeout(look, EVERY);
  }
  look();
})();
