/* Pages that are opened as files may not start a Worker, and the theme searches
   in one. Here the script of the worker runs in a hidden frame instead. Has to
   come before the theme's own script. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.append(frame)
      const script = new URL(url, document.baseURI)
      this.inside = frame.contentWindow
      this.inside.importScripts = (...urls) =>
        urls.reduce(
          (last, next) => last.then(() => this.load(new URL(next, script))),
          Promise.resolve()
        )
      this.inside.postMessage = data =>
        this.dispatchEvent(new MessageEvent("message", { data }))
      this.ready = this.load(script)
    }

    load(url) {
      return new Promise((resolve, reject) => {
        const script = this.inside.document.createElement("script")
        script.src = url
        script.onload = resolve
        script.onerror = reject
        this.inside.document.head.append(script)
      })
    }

    postMessage(data) {
      this.ready.then(() =>
        this.inside.dispatchEvent(new this.inside.MessageEvent("message", { data })))
    }
  }
}
