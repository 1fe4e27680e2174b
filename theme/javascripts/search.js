/* The theme asks for the search index as soon as a page opens. It is larger
   than the page, so the request waits here until somebody turns to the search
   box, or follows a link that holds a query. Has to come before the theme's
   own script. */
{
  const BOX = ".md-search, [for=__search]"

  const wanted = new Promise(resolve => {
    if (/[?&][qh]=/.test(location.search)) resolve()
    for (const type of ["focusin", "pointerover", "touchstart"]) {
      document.addEventListener(type, event => {
        if (event.target.closest(BOX)) resolve()
      }, { passive: true })
    }
  })

  const { open, send } = XMLHttpRequest.prototype
  const waiting = new WeakSet()

  XMLHttpRequest.prototype.open = function (method, url, ...rest) {
    if (`${url}`.endsWith("/search/search_index.json")) waiting.add(this)
    return open.call(this, method, url, ...rest)
  }

  XMLHttpRequest.prototype.send = function (body) {
    if (waiting.has(this)) wanted.then(() => send.call(this, body))
    else send.call(this, body)
  }
}
