// The page of the simulated network: it loads the two modules, and runs an echo at each click.
import { echoOnce, say } from '../echo-simulation.mjs'

/** Faults that cut, delay or reorder, with a probability per opportunity. */
const FAULTS = ['shortRead', 'shortWrite', 'again', 'nobufs', 'delay', 'reorder', 'multishotEnd']

const status = document.getElementById('status')
const form = document.getElementById('run')
const runs = document.getElementById('runs')

function addFaults() {
  for (const name of FAULTS) {
    const label = document.createElement('label')
    const input = Object.assign(document.createElement('input'), { type: 'number', name, min: 0, max: 1, step: 0.01 })
    input.value = '0'
    label.append(`${name} `, input)
    document.getElementById('faults').append(label)
  }
}

function run(modules) {
  const value = (name) => form.elements.namedItem(name).value
  const row = document.createElement('li')
  try {
    const faults = Object.fromEntries(FAULTS.map((name) => [name, Number(value(name))]))
    row.textContent = say(echoOnce({ ...modules, seed: BigInt(value('seed')), count: Number(value('count')), faults }))
  } catch (error) {
    row.textContent = error.message
    row.className = 'error'
  }
  runs.append(row)
}

async function load(name) {
  const response = await fetch(new URL(`../../../build/${name}`, import.meta.url))
  if (!response.ok) throw new Error(`${name}: ${response.status}`)
  return WebAssembly.compile(await response.arrayBuffer())
}

try {
  const [runtime, sim] = await Promise.all([load('runtime.wasm'), load('sim.wasm')])
  addFaults()
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    run({ runtime, sim })
  })
  status.textContent = 'Ready.'
} catch (error) {
  status.textContent = `The simulation could not be started: ${error.message}`
  status.className = 'error'
  throw error
}
