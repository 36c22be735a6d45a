// The core in Bun, from bytes that the program brings itself: bun examples/hosts/bun.mjs
import { instantiateCore } from 'millrace/core'
import { tour } from './tour.mjs'

const file = Bun.file(Bun.fileURLToPath(import.meta.resolve('millrace/core.wasm')))
tour(instantiateCore(await file.arrayBuffer()), (line) => console.log(line))
