// The ring's half of the page: servers, the circle, a key's owner, the balance, and what the last change moved.
import * as api from 'millrace/core'
import { alert, colour, element, percent, swatch } from './bytes.js'
import { drawCircle } from './circle.js'

const { HashRing } = api
const COMPATS = api.RING_COMPATS ?? ['native', 'ketama', 'twemproxy']
/** In the order of their colours, which a server keeps as long as it is there. */
const START = [1, 2, 3, 4].map((i) => ({ id: `10.0.0.${i}:6379`, weight: i === 4 ? 2 : 1, colour: i - 1 }))
const MOVES_SHOWN = 8

export function startRing(core) {
  const form = document.getElementById('ring')
  const field = (name) => form.elements.namedItem(name)
  const by = (id) => document.getElementById(id)
  let servers = START
  let nextColour = START.length
  /** The ring before the last change of servers, and the one that is shown. */
  let before
  let ring
  field('compat').append(...COMPATS.map((name) => new Option(name)))

  function build(list) {
    const compat = field('compat').value
    const options = { core, compat, ...(compat === 'native' ? { points: Number(field('points').value) } : {}) }
    const plain = list.map(({ id, weight }) => ({ id, weight }))
    return { made: new HashRing(plain, options), options, servers: list }
  }

  /** Another list of servers, or other options: then nothing moves, everything is new. */
  function change(list, keepBefore) {
    try {
      const next = build(list)
      const old = keepBefore ? ring : undefined
      for (const gone of new Set([before, keepBefore ? undefined : ring])) gone?.made.dispose()
      before = old
      ring = next
      servers = list
      alert(by('ring-error'), '')
      show()
      return true
    } catch (error) {
      alert(by('ring-error'), error.message)
      return false
    }
  }

  function show() {
    field('points').disabled = field('compat').value !== 'native'
    const { servers: stats } = ring.made.stats()
    const total = servers.reduce((sum, { weight }) => sum + weight, 0)
    by('servers').replaceChildren(
      ...servers.map((server, i) => serverRow(server, i, stats[i].share, server.weight / total)),
    )
    showKey()
    showMoves()
  }

  function serverRow(server, i, share, fair) {
    const id = element('input', {
      type: 'text',
      value: server.id,
      ariaLabel: `Name of server ${i + 1}`,
      spellcheck: false,
    })
    const weight = element('input', { type: 'number', min: 0, max: 100, value: server.weight })
    weight.ariaLabel = `Weight of ${server.id}`
    const edit = (changed) => {
      const list = servers.map((one) => (one === server ? { ...one, ...changed } : one))
      if (!change(list, true)) show()
    }
    id.addEventListener('change', () => edit({ id: id.value }))
    weight.addEventListener('change', () => edit({ weight: Number(weight.value) }))
    const remove = element(
      'button',
      { type: 'button', ariaLabel: `Remove ${server.id}`, disabled: servers.length < 2 },
      '×',
    )
    remove.addEventListener('click', () =>
      change(
        servers.filter((one) => one !== server),
        true,
      ),
    )
    const bar = element('div', { className: 'bar' })
    const mark = element('div', { className: 'fair', title: `fair: ${percent(fair)}` })
    const scale = Math.max(share, fair, 0.5)
    bar.style.width = `${(100 * share) / scale}%`
    mark.style.insetInlineStart = `${(100 * fair) / scale}%`
    const meter = element('div', { className: 'share' }, bar, mark)
    meter.style.setProperty('--owner', colour(server.colour))
    const figures = element('small', {}, `${percent(share)} of ${percent(fair)}`)
    return element(
      'tr',
      {},
      element('td', {}, id),
      element('td', {}, weight),
      element('td', {}, meter, figures),
      element('td', {}, remove),
    )
  }

  const colourOf = (list, id) => list.find((server) => server.id === id).colour

  function showKey() {
    const key = field('key').value
    const owner = ring.made.lookup(key)
    const arcs = arcsOf(ring)
    const size = arcs.size
    const here = size === undefined ? undefined : Number(ring.made.position(key)) / size
    const moved = before === undefined ? [] : before.made.migration(ring.made).ranges
    drawCircle(
      by('circle'),
      arcs.ranges.map((range) => stretch(range, size, colourOf(servers, range.from))),
      size === undefined ? [] : moved.map((range) => stretch(range, size, colourOf(servers, range.to))),
      here,
    )
    by('circle-text').textContent = servers.map(({ id }) => id).join(', ')
    by('owner').replaceChildren(swatch(colourOf(servers, owner)), `“${key}” → ${owner}`)
  }

  function showMoves() {
    if (before === undefined) {
      by('moves').replaceChildren('Change the servers, and see what moves.')
      return
    }
    const { share, moves } = before.made.migration(ring.made)
    const items = moves
      .slice(0, MOVES_SHOWN)
      .map(({ from, to, share: part }) =>
        element(
          'li',
          {},
          ...[
            swatch(colourOf(before.servers, from)),
            `${from} → `,
            swatch(colourOf(servers, to)),
            `${to}: ${percent(part)}`,
          ],
        ),
      )
    const rest = moves.length > MOVES_SHOWN ? `, the ${MOVES_SHOWN} largest moves of ${moves.length}:` : ''
    const head = element('strong', {}, `The last change moves ${percent(share)} of all keys`)
    by('moves').replaceChildren(head, rest, element('ul', {}, ...items))
  }

  form.addEventListener('input', ({ target }) => {
    if (target.name === 'key') showKey()
    else change(servers, false)
  })
  form.addEventListener('submit', (event) => event.preventDefault())
  by('add').addEventListener('click', () => {
    const taken = new Set(servers.map(({ id }) => id))
    let i = 1
    while (taken.has(`10.0.0.${i}:6379`)) i++
    change([...servers, { id: `10.0.0.${i}:6379`, weight: 1, colour: nextColour++ }], true)
  })
  change(servers, false)
}

/** Who owns what: everything moves to a ring of a server that nobody is. */
function arcsOf({ made, options }) {
  const other = new HashRing([{ id: 'nobody' }], options)
  try {
    const { ranges } = made.migration(other)
    const last = ranges.at(-1)?.last
    return { ranges, size: last === undefined ? undefined : Number(last) + 1 }
  } finally {
    other.dispose()
  }
}

function stretch({ first, last }, size, owner) {
  return { from: Number(first) / size, to: (Number(last) + 1) / size, owner }
}
