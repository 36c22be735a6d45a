// The core in Deno, which asks for nothing but to read the package: deno run --allow-read=. examples/hosts/deno.mjs
import { loadCore } from 'millrace/core'
import { tour } from './tour.mjs'

tour(await loadCore(), (line) => console.log(line))
