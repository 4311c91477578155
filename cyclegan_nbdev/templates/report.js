const epochs = Object.keys(grids).map(Number).sort((a, b) => a - b)
const get = id => document.getElementById(id)
const slide = get("slide"), play = get("play"), last = epochs.length - 1
let timer = null

function show() {
  const epoch = epochs[slide.value]
  get("grid").src = grids[epoch]
  get("grid").alt = "sample images after " + epoch + " epochs"
  get("when").value = epoch ? "epoch " + epoch : "untrained"
}

function stop() {
  clearInterval(timer)
  timer = null
  play.textContent = "▶"
  play.ariaLabel = "play"
}

function next() {
  if (+slide.value == last) return stop()
  slide.value = +slide.value + 1
  show()
}

slide.oninput = () => { stop(); show() }

play.onclick = () => {
  if (timer) return stop()
  play.textContent = "❚❚"
  play.ariaLabel = "pause"
  if (+slide.value == last) slide.value = 0
  show()
  timer = setInterval(next, 700)
}
