// The ways in which a fuzzed stream reaches a decoder. Each opens decoders of one build.
import { type Build, type Open, openBuild } from '../unit/codec/builds.ts'

export interface Way {
  readonly title: string
  /** Undefined: the build does not offer this way. */
  open(build: Build): Promise<Open | undefined>
}

export const WAYS: readonly Way[] = [{ title: 'as users push', open: openBuild }]
