// Loads the core and starts the two halves of the page.
import { loadCore } from 'millrace/core'
import { tour } from '../tour.mjs'
import { startDecoder } from './decoder.js'
import { startRing } from './ring.js'

const status = document.getElementById('status')
try {
  const core = await loadCore()
  startDecoder(core)
  startRing(core)
  const lines = []
  tour(core, (line) => lines.push(line))
  document.getElementById('tour').textContent = lines.join('\n')
  status.textContent = core.simd ? 'Ready: core.wasm, with SIMD.' : 'Ready: core.baseline.wasm, without SIMD.'
} catch (error) {
  status.textContent = `The core could not be started: ${error.message}`
  status.className = 'error'
  throw error
}
