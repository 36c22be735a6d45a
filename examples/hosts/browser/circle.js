// The ring as a picture: an arc for every stretch of positions, in its owner's colour; outside of it what has moved.
import { colour } from './bytes.js'

const SVG = 'http://www.w3.org/2000/svg'
const CENTRE = 150
const RADIUS = 110
const MOVED_RADIUS = 138

/** Draws arcs {from, to, owner} and moved {from, to, owner}, all between 0 and 1, and a mark at `key`. */
export function drawCircle(svg, arcs, moved, key) {
  const rings = [...strokes(arcs, RADIUS, 34), ...strokes(moved, MOVED_RADIUS, 8)]
  svg.replaceChildren(...svg.querySelectorAll('title, desc'), ...rings, ...(key === undefined ? [] : mark(key)))
}

/** One path for all arcs of an owner: a ring may have thousands. */
function strokes(arcs, radius, width) {
  const paths = new Map()
  for (const { from, to, owner } of arcs) {
    paths.set(owner, `${paths.get(owner) ?? ''}${arc(from, to, radius)}`)
  }
  return Array.from(paths, ([owner, d]) =>
    make('path', { d, fill: 'none', stroke: colour(owner), 'stroke-width': width, 'data-owner': owner }),
  )
}

function arc(from, to, radius) {
  // a full circle begins and ends at the same point, and would be nothing
  if (to - from > 0.999) return arc(from, from + 0.5, radius) + arc(from + 0.5, to - 1e-6, radius)
  const large = to - from > 0.5 ? 1 : 0
  return `M${at(from, radius)}A${radius} ${radius} 0 ${large} 1 ${at(to, radius)}`
}

/** Position 0 is at the top, and positions grow clockwise. */
function at(position, radius) {
  const angle = position * 2 * Math.PI - Math.PI / 2
  return `${(CENTRE + radius * Math.cos(angle)).toFixed(2)} ${(CENTRE + radius * Math.sin(angle)).toFixed(2)}`
}

function mark(position) {
  const [x, y] = at(position, RADIUS - 17).split(' ')
  const line = { x1: CENTRE, y1: CENTRE, x2: x, y2: y, stroke: 'currentColor', 'stroke-width': 2 }
  const dot = { cx: x, cy: y, r: 5, fill: 'currentColor' }
  return [make('line', line), make('circle', dot)]
}

function make(name, attributes) {
  const made = document.createElementNS(SVG, name)
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value)
  return made
}
