// The ways in which a fuzzed stream reaches a decoder. Each opens decoders of one build.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { NAMES, type Name, SUBJECTS } from '../twins/index.ts'
import { type Build, type Open, openBuild } from '../unit/codec/builds.ts'
import { openAtEdge } from './edge.ts'
import { openMessagesAtEdge } from './edge-messages.ts'

export interface Way {
  readonly title: string
  readonly names: readonly Name[]
  open(build: Build): Promise<Open | undefined>
}

const FRAMING = NAMES.filter((name) => SUBJECTS[name].kind === 'frames')
const MESSAGES = NAMES.filter((name) => SUBJECTS[name].kind !== 'frames')
const hasPage = existsSync(resolve(import.meta.dirname, '../../docs/core-abi.md'))

export const WAYS: readonly Way[] = [
  { title: 'as users push', names: NAMES, open: openBuild },
  ...(hasPage ? [{ title: 'at the end of the memory', names: FRAMING, open: openAtEdge }] : []),
  { title: 'messages at the end of the memory', names: MESSAGES, open: openMessagesAtEdge },
]
