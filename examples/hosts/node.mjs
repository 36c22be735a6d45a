// The core in Node.js, from the package's own files: node examples/hosts/node.mjs
import { loadCore } from 'millrace/core'
import { tour } from './tour.mjs'

tour(await loadCore(), (line) => console.log(line))
